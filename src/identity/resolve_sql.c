/*-------------------------------------------------------------------------
 *
 * resolve_sql.c
 *		Who is who among all records of a catalogue.
 *
 * Records are read once into an engine, which is sorted by source and key, so
 * that neither the order in which records came nor the numbers that they got
 * have an influence.  It fits the model, weighs pairs and makes clusters of
 * them, of shared identifiers, of judgements and of what is one customer
 * already.  Then the clusters are compared with the customers there are.
 *
 * Writers of records wait until it is done.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "common/common.h"
#include "identity/resolve.h"

PG_FUNCTION_INFO_V1(cj_customer_resolve);

#define BATCH_ROWS	5000

/* What separates source and key where records are ordered: sorts before any character of use. */
#define ID_SEPARATOR '\001'

#define RECORDS \
	"SELECT r.record_id, r.source, r.source_key, r.customer_id, r.attributes, r.block_keys, m.canonical_id " \
	"FROM @.customer_record r LEFT JOIN @.customer m ON m.customer_id = r.customer_id AND m.status = 'merged'"

/* ---- reading ---- */

uint64
cj_resolve_run(CjResolve *resolve, const char *sql, int nargs, const Oid *types,
			   const Datum *values)
{
	int			result = SPI_execute_with_args(cj_catalogue_sql(resolve->catalogue, sql), nargs,
											   unconstify(Oid *, types),
											   unconstify(Datum *, values), NULL, false, 0);

	if (result < 0)
		elog(ERROR, "statement on the catalogue failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

void
cj_resolve_each(CjResolve *resolve, const char *sql, CjRowFunction function, void *arg)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "customer_resolve rows",
												ALLOCSET_DEFAULT_SIZES);
	Portal		portal = SPI_cursor_open_with_args(NULL, cj_catalogue_sql(resolve->catalogue, sql),
												   0, NULL, NULL, NULL, false,
												   CURSOR_OPT_NO_SCROLL);
	MemoryContext old;

	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH_ROWS);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		old = MemoryContextSwitchTo(batch);
		for (uint64 row = 0; row < SPI_processed; row++)
			function(resolve, arg, row);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(batch);
}

static CjText
row_bytes(uint64 row, int column, bool *isnull)
{
	Datum		value = cj_row_datum(row, column, isnull);
	CjText		bytes = {NULL, 0};
	text	   *t;

	if (*isnull)
		return bytes;
	t = DatumGetTextPP(value);
	bytes.data = VARDATA_ANY(t);
	bytes.len = VARSIZE_ANY_EXHDR(t);
	return bytes;
}

/* Notes the record's blocking keys unless they are stored already. */
static void
read_keys(CjResolve *resolve, CjResolveRecord *record, uint64 row)
{
	int64		key[CJ_MAX_RULES];
	int			n = cj_stored_keys(resolve->linkage, resolve->linkage->nrecords - 1, key);
	bool		isnull;
	Datum		stored = cj_row_datum(row, 6, &isnull);

	record->nkeys = -1;
	if (!isnull)
	{
		ArrayType  *array = DatumGetArrayTypeP(stored);

		if (!ARR_HASNULL(array) && ARR_NDIM(array) == (n > 0) &&
			(n == 0 || (ARR_DIMS(array)[0] == n &&
						memcmp((char *) array + ARR_OVERHEAD_NONULLS(1), key, sizeof(int64) * n) == 0)))
			return;
	}
	if (resolve->nkeys + n > resolve->key_room)
	{
		resolve->key_room = Max(resolve->key_room * 2, 4096);
		resolve->key = resolve->key == NULL ?
			MemoryContextAllocHuge(resolve->context, sizeof(int64) * resolve->key_room) :
			repalloc_huge(resolve->key, sizeof(int64) * resolve->key_room);
	}
	record->key = resolve->nkeys;
	record->nkeys = n;
	memcpy(resolve->key + resolve->nkeys, key, sizeof(int64) * n);
	resolve->nkeys += n;
}

/*
 * A row of RECORDS.
 * The engine's id is what orders records; behind its end stands the number.
 */
static void
read_record(CjResolve *resolve, void *arg, uint64 row)
{
	int32		number = resolve->nrecords++;
	CjResolveRecord *record;
	StringInfoData id;
	CjText		part;
	bool		isnull;

	if (number == resolve->record_room)
	{
		resolve->record_room = Max(1024, resolve->record_room * 2);
		resolve->record = resolve->record == NULL ?
			MemoryContextAllocHuge(resolve->context, sizeof(CjResolveRecord) * (Size) resolve->record_room) :
			repalloc_huge(resolve->record, sizeof(CjResolveRecord) * (Size) resolve->record_room);
	}
	record = &resolve->record[number];
	record->id = DatumGetInt64(cj_row_datum(row, 1, &isnull));
	record->new_home = NULL;
	initStringInfo(&id);
	part = row_bytes(row, 2, &isnull);
	appendBinaryStringInfo(&id, part.data, part.len);
	appendStringInfoChar(&id, ID_SEPARATOR);
	part = row_bytes(row, 3, &isnull);
	appendBinaryStringInfo(&id, part.data, part.len);
	appendStringInfoChar(&id, '\0');
	appendBinaryStringInfo(&id, (const char *) &number, sizeof(number));
	part.data = id.data;
	part.len = id.len;
	cj_linkage_add(resolve->linkage, part,
				   cj_read_row(resolve->reader, cj_row_datum(row, 5, &isnull), true));
	part = row_bytes(row, 4, &isnull);
	record->home = isnull ? -1 : cj_values_code(&resolve->customer, part.data, part.len);
	part = row_bytes(row, 7, &isnull);
	record->canonical = isnull ? record->home :
		cj_values_code(&resolve->customer, part.data, part.len);
	read_keys(resolve, record, row);
}

static int
compare_ids(const void *a, const void *b, void *arg)
{
	const CjResolve *resolve = arg;
	int64		x = cj_resolve_record(resolve, *(const int32 *) a)->id;
	int64		y = cj_resolve_record(resolve, *(const int32 *) b)->id;

	return x < y ? -1 : x > y;
}

/* All records, in the order of source and key. */
static void
read_records(CjResolve *resolve)
{
	Size		size;

	cj_resolve_each(resolve, RECORDS, read_record, NULL);
	cj_linkage_sort(resolve->linkage);
	size = sizeof(int32) * Max((Size) resolve->nrecords, 1);
	resolve->order = MemoryContextAllocHuge(resolve->context, size);
	resolve->by_id = MemoryContextAllocHuge(resolve->context, size);
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		const char *id = cj_record_id(resolve->linkage, i);

		memcpy(&resolve->order[i], id + strlen(id) + 1, sizeof(int32));
		resolve->by_id[i] = i;
	}
	qsort_arg(resolve->by_id, resolve->nrecords, sizeof(int32), compare_ids, resolve);
}

int32
cj_resolve_find(const CjResolve *resolve, int64 id)
{
	int32		low = 0;
	int32		high = resolve->nrecords;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (cj_resolve_record(resolve, resolve->by_id[middle])->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == resolve->nrecords || cj_resolve_record(resolve, resolve->by_id[low])->id != id)
		return -1;
	return resolve->by_id[low];
}

/* ---- what joins records and what keeps them apart ---- */

static void
add_edge(CjResolve *resolve, int32 a, int32 b, double weight)
{
	CjEdge	   *edge;

	if (a < 0 || b < 0 || a == b)
		return;
	if (resolve->nedges == resolve->edge_room)
	{
		resolve->edge_room = Max(4096, resolve->edge_room * 2);
		resolve->edge = resolve->edge == NULL ?
			MemoryContextAllocHuge(resolve->context, sizeof(CjEdge) * resolve->edge_room) :
			repalloc_huge(resolve->edge, sizeof(CjEdge) * resolve->edge_room);
	}
	edge = &resolve->edge[resolve->nedges++];
	edge->a = Min(a, b);
	edge->b = Max(a, b);
	edge->weight = weight;
}

/* A row of two records and a weight. */
static void
read_evidence(CjResolve *resolve, void *arg, uint64 row)
{
	bool		isnull;

	add_edge(resolve, cj_resolve_find(resolve, DatumGetInt64(cj_row_datum(row, 1, &isnull))),
			 cj_resolve_find(resolve, DatumGetInt64(cj_row_datum(row, 2, &isnull))),
			 DatumGetFloat8(cj_row_datum(row, 3, &isnull)));
}

/* A row of two customers and whether they are judged the same; first: a record of each. */
static void
read_judgement(CjResolve *resolve, void *arg, uint64 row)
{
	const int32 *first = arg;
	bool		isnull;
	int32		known = resolve->customer.nvalues;
	CjText		id = row_bytes(row, 1, &isnull);
	int32		a = cj_values_code(&resolve->customer, id.data, id.len);
	int32		b;

	id = row_bytes(row, 2, &isnull);
	b = cj_values_code(&resolve->customer, id.data, id.len);
	if (a < known && b < known)
		add_edge(resolve, first[a], first[b], DatumGetBool(cj_row_datum(row, 3, &isnull)) ?
				 get_float8_infinity() : -get_float8_infinity());
}

/* What is one customer stays one, and judgements hold. */
static void
add_given(CjResolve *resolve)
{
	Size		size = sizeof(int32) * (Size) (resolve->customer.nvalues + 1);
	int32	   *first = MemoryContextAllocHuge(resolve->context, size);
	int32	   *first_now = MemoryContextAllocHuge(resolve->context, size);

	memset(first, 0xFF, size);
	memset(first_now, 0xFF, size);
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		const CjResolveRecord *record = cj_resolve_record(resolve, i);

		if (record->home < 0)
			continue;
		if (first[record->home] < 0)
			first[record->home] = i;
		if (first_now[record->canonical] < 0)
			first_now[record->canonical] = i;
		add_edge(resolve, first_now[record->canonical], i, get_float8_infinity());
	}
	cj_resolve_each(resolve, "SELECT j.customer_a, j.customer_b, j.verdict = 'same' FROM @.customer_judgement j "
					"WHERE j.revoked_at IS NULL", read_judgement, first);
}

#define ST_SORT sort_resolve_pairs
#define ST_ELEMENT_TYPE CjResolvePair
#define ST_COMPARE(x, y) ((x)->a != (y)->a ? ((x)->a < (y)->a ? -1 : 1) : \
						  (x)->b < (y)->b ? -1 : (x)->b > (y)->b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Weighs pairs: those that match, by ids of records, and edges of both kinds. */
static void
score(CjResolve *resolve)
{
	CjLinkage  *linkage = resolve->linkage;
	int64		n;
	CjPair	   *pair = cj_linkage_score(linkage, -get_float8_infinity(), &n);

	resolve->pair = MemoryContextAllocHuge(resolve->context, sizeof(CjResolvePair) * Max(n, 1));
	for (int64 i = 0; i < n; i++)
	{
		int64		a = cj_resolve_record(resolve, pair[i].a)->id;
		int64		b = cj_resolve_record(resolve, pair[i].b)->id;

		if (pair[i].weight >= linkage->threshold)
		{
			resolve->pair[resolve->npairs].a = Min(a, b);
			resolve->pair[resolve->npairs].b = Max(a, b);
			resolve->pair[resolve->npairs++].weight = pair[i].weight;
			add_edge(resolve, pair[i].a, pair[i].b, pair[i].weight);
		}
		else if (pair[i].weight < linkage->conflict_weight)
			add_edge(resolve, pair[i].a, pair[i].b, -get_float8_infinity());
	}
	if (resolve->npairs > 0)
		sort_resolve_pairs(resolve->pair, resolve->npairs);
	if (pair != NULL)
		pfree(pair);
}

/* ---- deciding ---- */

/* Clusters without a customer; records that join the customers of theirs. */
static void
compare_clusters(CjResolve *resolve)
{
	Size		size = sizeof(int32) * Max((Size) resolve->nrecords, 1);
	int32	   *home = MemoryContextAllocHuge(resolve->context, size);

	resolve->fresh = MemoryContextAllocHuge(resolve->context, size);
	memset(home, 0xFF, size);
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		int32		cluster = resolve->cluster[i];

		if (home[cluster] < 0)
			home[cluster] = cj_resolve_record(resolve, i)->home;
	}
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		int32		cluster = resolve->cluster[i];
		CjResolveRecord *record = cj_resolve_record(resolve, i);
		CjText		id;

		if (home[cluster] < 0)
		{
			if (cluster == i)
				resolve->fresh[resolve->nfresh++] = i;
			continue;
		}
		if (record->home >= 0)
			continue;
		id = cj_value_text(&resolve->customer, home[cluster]);
		record->new_home = pnstrdup(id.data, id.len);
		resolve->linked++;
	}
}

static int
compare_members(const void *a, const void *b, void *arg)
{
	const CjResolve *resolve = arg;
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;
	int32		difference = resolve->cluster[x] - resolve->cluster[y];

	return difference != 0 ? difference : x < y ? -1 : x > y;
}

/* Members of one cluster, [from, to) of list: their customers become one. */
static void
merge_cluster(CjResolve *resolve, const int32 *list, int32 from, int32 to)
{
	const char **id = palloc_array(const char *, to - from);
	int			n = 0;
	Oid			types[] = {TEXTARRAYOID, TEXTOID};
	Datum		arguments[2];
	char	   *reason;

	for (int32 i = from; i < to; i++)
	{
		int32		code = cj_resolve_record(resolve, list[i])->canonical;
		CjText		name;
		char	   *copy;
		bool		seen = false;

		if (code < 0)
			continue;
		name = cj_value_text(&resolve->customer, code);
		copy = pnstrdup(name.data, name.len);
		for (int k = 0; k < n && !seen; k++)
			seen = strcmp(id[k], copy) == 0;
		if (!seen)
			id[n++] = copy;
	}
	arguments[0] = cj_texts_datum(id, n);
	arguments[1] = CStringGetTextDatum(psprintf("resolved by model %d", resolve->version));
	if (cj_catalogue_run(resolve->catalogue, CJ_MERGE_OLDEST, arguments, NULL) != 1 ||
		strcmp(cj_row_text(0, 2), "refused") != 0)
	{
		resolve->merged += n - 1;
		return;
	}
	resolve->refused++;
	reason = cj_row_text(0, 3);
	arguments[1] = CStringGetTextDatum(reason == NULL ? "" : reason);
	cj_resolve_run(resolve, "INSERT INTO @.customer_review (kind, customers, detail) "
				   "SELECT 'possible duplicates', $1, jsonb_build_object('reason', $2) WHERE NOT EXISTS ("
				   "SELECT FROM @.customer_review v WHERE v.kind = 'possible duplicates' AND v.customers = $1 AND v.closed_at IS NULL)",
				   2, types, arguments);
}

/* Customers in one cluster become one. */
static void
merge_customers(CjResolve *resolve)
{
	Size		size = sizeof(int32) * Max((Size) resolve->nrecords, 1);
	int32	   *seen = MemoryContextAllocHuge(resolve->context, size);
	int32	   *list = MemoryContextAllocHuge(resolve->context, size);
	int32		n = 0;

	/* the clusters that have two customers, then their members side by side */
	memset(seen, 0xFF, size);
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		int32	   *first = &seen[resolve->cluster[i]];
		int32		code = cj_resolve_record(resolve, i)->canonical;

		if (code >= 0 && *first == -1)
			*first = code;
		else if (code >= 0 && *first != code)
			*first = -2;
	}
	for (int32 i = 0; i < resolve->nrecords; i++)
		if (seen[resolve->cluster[i]] == -2)
			list[n++] = i;
	qsort_arg(list, n, sizeof(int32), compare_members, resolve);
	for (int32 from = 0; from < n;)
	{
		int32		to = from + 1;

		while (to < n && resolve->cluster[list[to]] == resolve->cluster[list[from]])
			to++;
		CHECK_FOR_INTERRUPTS();
		merge_cluster(resolve, list, from, to);
		from = to;
	}
}

/* ---- the function ---- */

static void
open_resolve(CjResolve *resolve, Oid function, Datum spec)
{
	bool		isnull;

	resolve->context = CurrentMemoryContext;
	resolve->catalogue = cj_catalogue_open(function);
	cj_resolve_run(resolve, "LOCK TABLE @.customer_model IN EXCLUSIVE MODE", 0, NULL, NULL);
	cj_resolve_run(resolve, "LOCK TABLE @.customer_record IN SHARE ROW EXCLUSIVE MODE", 0, NULL, NULL);
	cj_resolve_run(resolve, "SELECT s.max_customer_records FROM @.customer_setting s", 0, NULL, NULL);
	resolve->max_records = DatumGetInt32(cj_row_datum(0, 1, &isnull));
	resolve->linkage = cj_linkage_of(resolve->context, spec);
	resolve->reader = cj_row_reader(resolve->context, resolve->linkage);
	cj_values_init(&resolve->customer, resolve->context);
	resolve->customer.bytes_only = true;
}

static void
resolve_all(CjResolve *resolve, Datum spec)
{
	CjClusterSettings settings = {resolve->max_records, NULL};

	read_records(resolve);
	if (resolve->nrecords == 0)
		return;
	cj_linkage_fit(resolve->linkage);
	cj_resolve_write_model(resolve, spec);
	score(resolve);
	cj_resolve_write_evidence(resolve);
	cj_resolve_each(resolve, "SELECT e.record_a, e.record_b, e.weight FROM @.customer_evidence e WHERE e.kind <> 'model'",
					read_evidence, NULL);
	add_given(resolve);
	resolve->cluster = cj_cluster(resolve->nrecords, resolve->edge, resolve->nedges, &settings);
	compare_clusters(resolve);
	cj_resolve_write_customers(resolve);
	cj_resolve_write_keys(resolve);
	cj_resolve_write_records(resolve);
	merge_customers(resolve);
}

/*
 * customer_resolve(spec)
 */
Datum
cj_customer_resolve(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	CjResolve  *resolve;
	TupleDesc	desc;
	bool		nulls[7] = {false};
	Datum		values[7];
	Datum		result;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("customer_resolve needs a specification")));
	SPI_connect();
	resolve = palloc0_object(CjResolve);
	open_resolve(resolve, fcinfo->flinfo->fn_oid, PG_GETARG_DATUM(0));
	resolve_all(resolve, PG_GETARG_DATUM(0));
	values[0] = Int64GetDatum(resolve->nrecords);
	values[1] = Int64GetDatum(resolve->npairs);
	values[2] = Int64GetDatum(resolve->created);
	values[3] = Int64GetDatum(resolve->linked);
	values[4] = Int64GetDatum(resolve->merged);
	values[5] = Int64GetDatum(resolve->refused);
	values[6] = Int32GetDatum(resolve->version);
	nulls[6] = resolve->version == 0;
	SPI_finish();
	MemoryContextSwitchTo(caller);
	desc = cj_result_tupdesc(fcinfo);
	result = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	return result;
}
