/*-------------------------------------------------------------------------
 *
 * catalogue_sql.c
 *		Statements on the catalogue's tables, planned once a session.
 *
 * In a statement @ stands for the catalogue's schema and # for the
 * extension's.  Statements are written so that every step is a probe of an
 * index, whatever statistics say: lists come as arrays, each element's rows in
 * a lateral subquery with a limit.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "identity/catalogue.h"

/* All of a customer's parts: itself and those merged into it, by id. */
#define PARTS_OF(id) \
	"(SELECT " id " AS customer_id UNION ALL " \
	"SELECT m.customer_id FROM @.customer m WHERE m.status = 'merged' AND m.canonical_id = " id ")"

typedef struct Statement
{
	const char *sql;
	int			nargs;
	Oid			type[8];
} Statement;

static const Statement statements[CJ_STATEMENTS] = {
	[CJ_GET_SETTINGS] = {
		"SELECT s.max_customer_records, s.candidate_limit, EXISTS (SELECT FROM @.customer_suppression), m.xmin, m.ctid, "
		"t.identifier, t.attribute, t.kind, t.region, t.priority, t.max_per_customer IS NOT NULL, "
		"coalesce(t.generic_after, s.generic_after), (SELECT array_agg(b.pattern) FROM @.customer_blocked_value b "
		"WHERE b.identifier = ANY (ARRAY[t.identifier, '*'])) "
		"FROM @.customer_setting s LEFT JOIN @.customer_model m ON m.is_active "
	"LEFT JOIN @.customer_identifier_type t ON true ORDER BY t.priority, t.identifier"},
	[CJ_GET_MODEL] = {"SELECT m.model FROM @.customer_model m WHERE m.is_active"},
	[CJ_FIND_SUPPRESSED] = {
		"SELECT 1 FROM @.customer_secret k CROSS JOIN unnest($1, $2) x(name, value) JOIN @.customer_suppression s "
		"ON s.digest = #.customer_digest(k.salt, x.name, x.value) LIMIT 1",
	2, {TEXTARRAYOID, TEXTARRAYOID}},
	[CJ_LOCK_RECORD] = {
		"SELECT r.record_id, r.customer_id, c.canonical_id, r.observed_at > $3, r.block_keys "
		"FROM @.customer_record r LEFT JOIN @.customer c ON c.customer_id = r.customer_id "
		"WHERE r.source = $1 AND r.source_key = $2 FOR UPDATE OF r",
	3, {TEXTOID, TEXTOID, TIMESTAMPTZOID}},
	[CJ_FIND_SAME_IDENTIFIER] = {
		"SELECT x.n::integer, c.canonical_id, r.customer_id, i.record_id, i.state = 'active' "
		"FROM unnest($1, $2, $3) WITH ORDINALITY x(identifier, value, most, n), LATERAL ("
		"SELECT i.record_id, i.state FROM @.customer_identifier i "
		"WHERE i.identifier = x.identifier AND i.value = x.value AND i.state <> 'blocked' "
		"ORDER BY i.record_id LIMIT 10 * x.most + 10) i "
		"JOIN @.customer_record r ON r.record_id = i.record_id JOIN @.customer c ON c.customer_id = r.customer_id "
		"ORDER BY x.n, i.record_id",
	3, {TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID}},
	[CJ_FIND_SAME_KEY] = {
		"SELECT x.n::integer, k.record_id FROM unnest($1) WITH ORDINALITY x(key, n), LATERAL ("
		"SELECT k.record_id FROM @.customer_key k WHERE k.key = x.key ORDER BY k.record_id LIMIT $2) k",
	2, {INT8ARRAYOID, INT4OID}},
	[CJ_GET_CANDIDATES] = {
		"SELECT r.record_id, c.canonical_id, r.customer_id, r.attributes "
		"FROM unnest($1) x(id) JOIN @.customer_record r ON r.record_id = x.id "
		"JOIN @.customer c ON c.customer_id = r.customer_id",
	1, {INT8ARRAYOID}},
	[CJ_COUNT_RECORDS] = {
		"SELECT count(*) FROM (SELECT FROM " PARTS_OF("$1") " p "
		"JOIN @.customer_record r ON r.customer_id = p.customer_id LIMIT $2) r",
	2, {TEXTOID, INT4OID}},
	[CJ_FIND_LIMIT] = {
		"SELECT t.identifier FROM @.customer_identifier_type t "
		"WHERE t.max_per_customer IS NOT NULL AND t.identifier = ANY ($2) AND t.max_per_customer < ("
		"SELECT count(DISTINCT v.value) FROM ("
		"SELECT i.value FROM " PARTS_OF("$1") " p JOIN @.customer_record r ON r.customer_id = p.customer_id "
		"JOIN @.customer_identifier i ON i.record_id = r.record_id "
		"WHERE i.identifier = t.identifier AND i.state = 'active' AND (t.within IS NULL OR r.observed_at > now() - t.within) "
		"UNION ALL SELECT x.value FROM unnest($2, $3) x(identifier, value) WHERE x.identifier = t.identifier) v) "
		"ORDER BY t.priority, t.identifier LIMIT 1",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}},
	[CJ_MERGE_OLDEST] = {
		"SELECT m.merge_id, m.status, m.changes ->> 'reason' FROM ("
		"SELECT c.customer_id AS oldest FROM @.customer c WHERE c.customer_id = ANY ($1) "
		"ORDER BY c.created_at, length(c.customer_id), c.customer_id LIMIT 1) o, "
		"LATERAL #.customer_merge(o.oldest, array_remove($1, o.oldest), $2) m",
	2, {TEXTARRAYOID, TEXTOID}},
	[CJ_NEW_CUSTOMER] = {
		"INSERT INTO @.customer (customer_id, canonical_id) SELECT i.id, i.id FROM ("
		"SELECT CASE WHEN s.id_sequence IS NULL THEN gen_random_uuid()::text ELSE nextval(s.id_sequence)::text END AS id "
	"FROM @.customer_setting s OFFSET 0) i RETURNING customer_id"},
	[CJ_LOCK_CUSTOMER] = {
		"SELECT c.canonical_id, c.status FROM @.customer c WHERE c.customer_id = $1 FOR NO KEY UPDATE",
	1, {TEXTOID}},
	[CJ_NEW_RECORD] = {
		"INSERT INTO @.customer_record (source, source_key, customer_id, attributes, observed_at, block_keys) "
		"VALUES ($1, $2, $3, $4, coalesce($5, now()), $6) RETURNING record_id",
	6, {TEXTOID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, INT8ARRAYOID}},
	[CJ_CHANGE_RECORD] = {
		"UPDATE @.customer_record SET customer_id = $2, attributes = $3, observed_at = coalesce($4, now()), block_keys = $5 "
		"WHERE record_id = $1",
	5, {INT8OID, TEXTOID, JSONBOID, TIMESTAMPTZOID, INT8ARRAYOID}},
	[CJ_DELETE_IDENTIFIERS] = {
		"DELETE FROM @.customer_identifier WHERE record_id = $1",
	1, {INT8OID}},
	[CJ_DELETE_KEYS] = {
		"DELETE FROM @.customer_key k USING unnest($2) x(key) WHERE k.key = x.key AND k.record_id = $1",
	2, {INT8OID, INT8ARRAYOID}},
	[CJ_NEW_IDENTIFIERS] = {
		"INSERT INTO @.customer_identifier (identifier, value, record_id, state) "
		"SELECT x.identifier, x.value, $4, x.state FROM unnest($1, $2, $3) x(identifier, value, state)",
	4, {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8OID}},
	[CJ_NEW_KEYS] = {
		"INSERT INTO @.customer_key (key, record_id) SELECT x.key, $2 FROM unnest($1) x(key)",
	2, {INT8ARRAYOID, INT8OID}},
	[CJ_NEW_EVIDENCE] = {
		"INSERT INTO @.customer_evidence (record_a, record_b, kind, weight) VALUES (least($1, $2), greatest($1, $2), $3, $4) "
		"ON CONFLICT ON CONSTRAINT customer_evidence_pkey DO UPDATE SET weight = excluded.weight, found_at = now()",
	4, {INT8OID, INT8OID, TEXTOID, FLOAT8OID}},
	[CJ_NEW_REVIEW] = {
		"INSERT INTO @.customer_review (kind, customers, record_id, detail) VALUES ($1, $2, $3, $4)",
	4, {TEXTOID, TEXTARRAYOID, INT8OID, JSONBOID}},
	[CJ_NEW_NOTE] = {
		"INSERT INTO @.customer_history (customer_id, sequence, kind, payload, payload_hash, hash) "
		"SELECT $1, coalesce(h.sequence, 0) + 1, $2, $3, d.digest, "
		"sha256(coalesce(h.hash, ''::bytea) || convert_to($1 || '/' || $2, 'UTF8') || d.digest) "
		"FROM (SELECT sha256(convert_to($3::text, 'UTF8')) AS digest) d LEFT JOIN LATERAL ("
		"SELECT h.sequence, h.hash FROM @.customer_history h WHERE h.customer_id = $1 ORDER BY h.sequence DESC LIMIT 1) h ON true",
	3, {TEXTOID, TEXTOID, JSONBOID}},
};

/* ---- catalogues ---- */

/* Catalogues that a session works in at once; more take turns. */
#define CATALOGUES	4

static CjCatalogue catalogues[CATALOGUES];
static int	next_catalogue = 0;

static void
close_catalogue(CjCatalogue *catalogue)
{
	for (int i = 0; i < CJ_STATEMENTS; i++)
	{
		if (catalogue->plan[i] != NULL)
			SPI_freeplan(catalogue->plan[i]);
		catalogue->plan[i] = NULL;
	}
	cj_catalogue_forget_site(catalogue);
	catalogue->extension_schema = InvalidOid;
}

CjCatalogue *
cj_catalogue_open(Oid function)
{
	const char *name = GetConfigOption("customer_journey.catalogue", false, false);
	Oid			schema = get_namespace_oid(name, true);
	Oid			extension_schema = get_func_namespace(function);
	Oid			table = OidIsValid(schema) ? get_relname_relid("customer_record", schema) : InvalidOid;
	CjCatalogue *catalogue;

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no customer catalogue in schema \"%s\"", name),
				 errhint("Make one with customer_catalogue_create, or name another schema "
						 "with SET customer_journey.catalogue.")));
	for (int i = 0; i < CATALOGUES; i++)
	{
		catalogue = &catalogues[i];
		if (catalogue->extension_schema != extension_schema ||
			strcmp(NameStr(catalogue->schema), name) != 0)
			continue;
		if (catalogue->record_table != table)
			cj_catalogue_forget_site(catalogue);
		catalogue->record_table = table;
		return catalogue;
	}
	catalogue = &catalogues[next_catalogue];
	next_catalogue = (next_catalogue + 1) % CATALOGUES;
	close_catalogue(catalogue);
	namestrcpy(&catalogue->schema, name);
	catalogue->record_table = table;
	catalogue->extension_schema = extension_schema;
	return catalogue;
}

char *
cj_catalogue_sql(const CjCatalogue *catalogue, const char *sql)
{
	const char *own = quote_identifier(NameStr(catalogue->schema));
	const char *extension = quote_identifier(get_namespace_name(catalogue->extension_schema));
	StringInfoData full;

	initStringInfo(&full);
	for (; *sql != '\0'; sql++)
		if (*sql == '@')
			appendStringInfoString(&full, own);
		else if (*sql == '#')
			appendStringInfoString(&full, extension);
		else
			appendStringInfoChar(&full, *sql);
	return full.data;
}

uint64
cj_catalogue_run(CjCatalogue *catalogue, CjStatement statement, const Datum *values,
				 const char *nulls)
{
	SPIPlanPtr	plan = catalogue->plan[statement];
	int			result;

	if (plan == NULL)
	{
		const Statement *s = &statements[statement];
		Oid			type[lengthof(s->type)];

		memcpy(type, s->type, sizeof(type));
		plan = SPI_prepare_cursor(cj_catalogue_sql(catalogue, s->sql), s->nargs, type,
								  CURSOR_OPT_GENERIC_PLAN);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "cannot prepare statement %d on the catalogue", (int) statement);
		catalogue->plan[statement] = plan;
	}
	result = SPI_execute_plan(plan, unconstify(Datum *, values), nulls, false, 0);
	if (result < 0)
		elog(ERROR, "statement %d on the catalogue failed: %s", (int) statement,
			 SPI_result_code_string(result));
	return SPI_processed;
}

void
cj_catalogue_forget_site(CjCatalogue *catalogue)
{
	catalogue->model_xmin = InvalidTransactionId;
	catalogue->site.model = NULL;
}

CjSite *
cj_catalogue_site(CjCatalogue *catalogue, TransactionId xmin, ItemPointer place)
{
	CjSite	   *site = &catalogue->site;
	bool		isnull;
	Datum		model;

	if (site->model != NULL && TransactionIdEquals(catalogue->model_xmin, xmin) &&
		ItemPointerEquals(&catalogue->model_place, place))
	{
		cj_site_clear(site);
		return site;
	}
	if (cj_catalogue_run(catalogue, CJ_GET_MODEL, NULL, NULL) == 0)
		return NULL;
	model = cj_row_datum(0, 1, &isnull);
	cj_site_set_up(site, DatumGetHeapTupleHeader(model));
	catalogue->model_xmin = xmin;
	catalogue->model_place = *place;
	return site;
}

/* ---- rows and arguments ---- */

Datum
cj_row_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

char *
cj_row_text(uint64 row, int column)
{
	bool		isnull;
	Datum		value = cj_row_datum(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

Datum
cj_texts_datum(const char *const *texts, int n)
{
	Datum	   *elements = palloc_array(Datum, Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(texts[i]);
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
cj_bigints_datum(const int64 *numbers, int64 n)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + sizeof(int64) * n;
	ArrayType  *array;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(INT8OID));
	array = MemoryContextAllocExtended(CurrentMemoryContext, size, MCXT_ALLOC_ZERO);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) n;
	ARR_LBOUND(array)[0] = 1;
	memcpy((char *) array + ARR_OVERHEAD_NONULLS(1), numbers, sizeof(int64) * n);
	return PointerGetDatum(array);
}

/* ---- JSON ---- */

void
cj_json_string(StringInfo json, const char *value)
{
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

void
cj_json_strings(StringInfo json, const char *const *values, int n)
{
	appendStringInfoChar(json, '[');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		cj_json_string(json, values[i]);
	}
	appendStringInfoChar(json, ']');
}

Datum
cj_json_datum(const char *json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}
