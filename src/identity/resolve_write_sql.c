/*-------------------------------------------------------------------------
 *
 * resolve_write_sql.c
 *		What customer_resolve writes.
 *
 * Lists go to SQL as arrays, sorted as the tables' indexes are, one statement
 * a table.  What is stored already is compared first, so that only what
 * changed is written.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "common/common.h"
#include "identity/resolve.h"

/* ---- model ---- */

void
cj_resolve_write_model(CjResolve *resolve, Datum spec)
{
	Oid			types[1];
	Datum		arguments[1];
	bool		isnull;

	types[0] = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("linkage_model"),
							   ObjectIdGetDatum(resolve->catalogue->extension_schema));
	arguments[0] = cj_linkage_model_datum(resolve->linkage, spec,
										  lookup_rowtype_tupdesc_copy(types[0], -1));
	cj_resolve_run(resolve, "UPDATE @.customer_model SET is_active = false WHERE is_active", 0, NULL, NULL);
	cj_resolve_run(resolve, "INSERT INTO @.customer_model (model, is_active) VALUES ($1, true) RETURNING version",
				   1, types, arguments);
	resolve->version = DatumGetInt32(cj_row_datum(0, 1, &isnull));
}

/* ---- evidence ---- */

typedef struct PairList
{
	int64	   *a;
	int64	   *b;
	double	   *weight;
	int64		n;
	int64		room;
} PairList;

/* Evidence to write, found while the old and the new run side by side. */
typedef struct EvidenceChanges
{
	int64		at;				/* in resolve->pair */
	PairList	gone;
	PairList	changed;
	PairList	added;
} EvidenceChanges;

static void
add_pair(CjResolve *resolve, PairList *list, int64 a, int64 b, double weight)
{
	if (list->n == list->room)
	{
		Size		size = sizeof(int64) * (list->room = Max(1024, list->room * 2));

		if (list->a == NULL)
		{
			list->a = MemoryContextAllocHuge(resolve->context, size);
			list->b = MemoryContextAllocHuge(resolve->context, size);
			list->weight = MemoryContextAllocHuge(resolve->context, size);
		}
		else
		{
			list->a = repalloc_huge(list->a, size);
			list->b = repalloc_huge(list->b, size);
			list->weight = repalloc_huge(list->weight, size);
		}
	}
	list->a[list->n] = a;
	list->b[list->n] = b;
	list->weight[list->n++] = weight;
}

/* A stored pair: new ones before it are added; it stays, changes or goes. */
static void
compare_evidence(CjResolve *resolve, void *arg, uint64 row)
{
	EvidenceChanges *changes = arg;
	bool		isnull;
	int64		a = DatumGetInt64(cj_row_datum(row, 1, &isnull));
	int64		b = DatumGetInt64(cj_row_datum(row, 2, &isnull));
	double		weight = DatumGetFloat8(cj_row_datum(row, 3, &isnull));
	const CjResolvePair *pair;

	for (;; changes->at++)
	{
		pair = &resolve->pair[changes->at];
		if (changes->at == resolve->npairs || pair->a > a || (pair->a == a && pair->b > b))
		{
			add_pair(resolve, &changes->gone, a, b, weight);
			return;
		}
		if (pair->a == a && pair->b == b)
			break;
		add_pair(resolve, &changes->added, pair->a, pair->b, pair->weight);
	}
	if (pair->weight != weight)
		add_pair(resolve, &changes->changed, a, b, pair->weight);
	changes->at++;
}

static Datum
doubles_datum(const double *numbers, int64 n)
{
	ArrayType  *array = DatumGetArrayTypeP(cj_bigints_datum((const int64 *) numbers, n));

	array->elemtype = FLOAT8OID;
	return PointerGetDatum(array);
}

static void
write_pairs(CjResolve *resolve, const PairList *list, const char *sql)
{
	Oid			types[] = {INT8ARRAYOID, INT8ARRAYOID, FLOAT8ARRAYOID};
	Datum		arguments[3];

	if (list->n == 0)
		return;
	arguments[0] = cj_bigints_datum(list->a, list->n);
	arguments[1] = cj_bigints_datum(list->b, list->n);
	arguments[2] = doubles_datum(list->weight, list->n);
	cj_resolve_run(resolve, sql, 3, types, arguments);
}

/*
 * Identifiers of records that have none yet, as customer_identify finds them.
 * Who has some is read before any is added: plans must not depend on the
 * statistics of a table that grows meanwhile.
 */
#define NEW_IDENTIFIERS \
	"WITH known AS MATERIALIZED (SELECT DISTINCT x.record_id FROM @.customer_identifier x) " \
	"INSERT INTO @.customer_identifier (identifier, value, record_id, state) " \
	"SELECT t.identifier, coalesce(n.value, a.raw) AS value, r.record_id, " \
	"CASE WHEN n.value IS NULL OR #.text_is_placeholder(a.raw, t.kind) OR EXISTS (" \
	"SELECT FROM @.customer_blocked_value b WHERE b.identifier IN (t.identifier, '*') AND (a.raw ~ b.pattern OR n.value ~ b.pattern)) " \
	"THEN 'blocked' ELSE 'active' END " \
	"FROM @.customer_record r CROSS JOIN @.customer_identifier_type t, " \
	"LATERAL (SELECT nullif(btrim(r.attributes ->> t.attribute), '') AS raw) a, " \
	"LATERAL (SELECT #.customer_normalize_identifier(t.kind, t.region, a.raw) AS value) n " \
	"WHERE a.raw IS NOT NULL AND NOT EXISTS (SELECT FROM known k WHERE k.record_id = r.record_id) ORDER BY 1, 2"

/* Each record with the first one that has the value, unless the value is generic. */
#define SHARED_IDENTIFIERS \
	"INSERT INTO @.customer_evidence (record_a, record_b, kind, weight) " \
	"SELECT i.first, i.record_id, i.identifier, 100 FROM (" \
	"SELECT x.identifier, x.record_id, min(x.record_id) OVER w AS first, count(*) OVER w AS n " \
	"FROM @.customer_identifier x WHERE x.state = 'active' WINDOW w AS (PARTITION BY x.identifier, x.value)) i " \
	"JOIN @.customer_identifier_type t USING (identifier) CROSS JOIN @.customer_setting s " \
	"WHERE i.n BETWEEN 2 AND coalesce(t.generic_after, s.generic_after) AND i.record_id <> i.first " \
	"ON CONFLICT DO NOTHING"

void
cj_resolve_write_evidence(CjResolve *resolve)
{
	EvidenceChanges changes = {0};

	cj_resolve_each(resolve, "SELECT e.record_a, e.record_b, e.weight FROM @.customer_evidence e "
					"WHERE e.kind = 'model' ORDER BY 1, 2", compare_evidence, &changes);
	for (; changes.at < resolve->npairs; changes.at++)
	{
		const CjResolvePair *pair = &resolve->pair[changes.at];

		add_pair(resolve, &changes.added, pair->a, pair->b, pair->weight);
	}
	write_pairs(resolve, &changes.gone, "DELETE FROM @.customer_evidence e USING unnest($1, $2, $3) x(a, b, w) "
				"WHERE e.record_a = x.a AND e.record_b = x.b AND e.kind = 'model'");
	write_pairs(resolve, &changes.changed, "UPDATE @.customer_evidence e SET weight = x.w, found_at = now() "
				"FROM unnest($1, $2, $3) x(a, b, w) WHERE e.record_a = x.a AND e.record_b = x.b AND e.kind = 'model'");
	write_pairs(resolve, &changes.added, "INSERT INTO @.customer_evidence (record_a, record_b, kind, weight) "
				"SELECT x.a, x.b, 'model', x.w FROM unnest($1, $2, $3) x(a, b, w)");
	if (cj_resolve_run(resolve, "SELECT FROM @.customer_identifier_type LIMIT 1", 0, NULL, NULL) == 0)
		return;
	cj_resolve_run(resolve, NEW_IDENTIFIERS, 0, NULL, NULL);
	cj_resolve_run(resolve, SHARED_IDENTIFIERS, 0, NULL, NULL);
}

/* ---- customers ---- */

/* New customers in the order of their clusters' first records. */
static void
make_customers(CjResolve *resolve)
{
	Oid			types[] = {INT4OID};
	Datum		arguments[1];

	arguments[0] = Int32GetDatum(resolve->nfresh);
	resolve->created = (int64)
		cj_resolve_run(resolve, "INSERT INTO @.customer (customer_id, canonical_id) SELECT i.id, i.id FROM ("
					   "SELECT CASE WHEN s.id_sequence IS NULL THEN gen_random_uuid()::text "
					   "ELSE nextval(s.id_sequence)::text END AS id "
					   "FROM @.customer_setting s, generate_series(1, $1) n) i RETURNING customer_id",
					   1, types, arguments);
	if (resolve->created != resolve->nfresh)
		elog(ERROR, "not as many customers as wanted");
	resolve->fresh_id = MemoryContextAllocHuge(resolve->context,
											   sizeof(char *) * Max((Size) resolve->nfresh, 1));
	for (int32 i = 0; i < resolve->nfresh; i++)
		resolve->fresh_id[i] = cj_row_text(i, 1);
}

typedef struct Member
{
	int32		cluster;		/* position in fresh */
	int64		record;
} Member;

#define ST_SORT sort_members
#define ST_ELEMENT_TYPE Member
#define ST_COMPARE(x, y) ((x)->cluster != (y)->cluster ? ((x)->cluster < (y)->cluster ? -1 : 1) : \
						  (x)->record < (y)->record ? -1 : (x)->record > (y)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Gives the records of new customers their homes; members sorted by customer. */
static Member *
settle(CjResolve *resolve, int64 *n)
{
	Member	   *member = MemoryContextAllocHuge(resolve->context,
												sizeof(Member) * Max((Size) resolve->nrecords, 1));
	int32	   *position = MemoryContextAllocHuge(resolve->context, sizeof(int32) *
												  Max((Size) resolve->nrecords, 1));

	*n = 0;
	memset(position, 0xFF, sizeof(int32) * (Size) resolve->nrecords);
	for (int32 i = 0; i < resolve->nfresh; i++)
		position[resolve->fresh[i]] = i;
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		int32		at = position[resolve->cluster[i]];
		CjResolveRecord *record = cj_resolve_record(resolve, i);

		if (at < 0)
			continue;
		record->new_home = resolve->fresh_id[at];
		member[*n].cluster = at;
		member[(*n)++].record = record->id;
	}
	if (*n > 0)
		sort_members(member, *n);
	return member;
}

/* The first entry of each new customer's history: what it was made of. */
#define FIRST_NOTES \
	"INSERT INTO @.customer_history (customer_id, sequence, kind, payload, payload_hash, hash) " \
	"SELECT n.id, 1, 'resolved', p.payload, d.digest, sha256(convert_to(n.id || '/resolved', 'UTF8') || d.digest) " \
	"FROM unnest($1, $2, $3) n(id, first, last), " \
	"LATERAL (SELECT jsonb_build_object('records', to_jsonb($4[n.first:n.last]), 'model', $5) AS payload) p, " \
	"LATERAL (SELECT sha256(convert_to(p.payload::text, 'UTF8')) AS digest OFFSET 0) d"

void
cj_resolve_write_customers(CjResolve *resolve)
{
	Oid			types[] = {TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4OID};
	Datum		arguments[5];
	Member	   *member;
	int64	   *first;
	int64	   *last;
	int64	   *record;
	int64		n;

	if (resolve->nfresh == 0)
		return;
	make_customers(resolve);
	member = settle(resolve, &n);
	first = MemoryContextAllocHuge(resolve->context, sizeof(int64) * (Size) resolve->nfresh);
	last = MemoryContextAllocHuge(resolve->context, sizeof(int64) * (Size) resolve->nfresh);
	record = MemoryContextAllocHuge(resolve->context, sizeof(int64) * Max(n, 1));
	for (int64 i = 0; i < n; i++)
	{
		if (i == 0 || member[i].cluster != member[i - 1].cluster)
			first[member[i].cluster] = i + 1;
		last[member[i].cluster] = i + 1;
		record[i] = member[i].record;
	}
	arguments[0] = cj_texts_datum((const char *const *) resolve->fresh_id, resolve->nfresh);
	arguments[1] = cj_bigints_datum(first, resolve->nfresh);
	arguments[2] = cj_bigints_datum(last, resolve->nfresh);
	arguments[3] = cj_bigints_datum(record, n);
	arguments[4] = Int32GetDatum(resolve->version);
	cj_resolve_run(resolve, FIRST_NOTES, 5, types, arguments);
}

/* ---- records and keys ---- */

typedef struct StoredKey
{
	int64		key;
	int64		record;
} StoredKey;

#define ST_SORT sort_stored_keys
#define ST_ELEMENT_TYPE StoredKey
#define ST_COMPARE(x, y) ((x)->key != (y)->key ? ((x)->key < (y)->key ? -1 : 1) : \
						  (x)->record < (y)->record ? -1 : (x)->record > (y)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Takes the old keys of records with new ones away; true if there are such records. */
static bool
delete_old_keys(CjResolve *resolve)
{
	int64	   *id = MemoryContextAllocHuge(resolve->context, sizeof(int64) *
											Max((Size) resolve->nrecords, 1));
	Oid			types[] = {INT8ARRAYOID};
	Datum		arguments[1];
	int64		n = 0;

	for (int32 i = 0; i < resolve->nrecords; i++)
		if (resolve->record[i].nkeys >= 0)
			id[n++] = resolve->record[i].id;
	if (n == 0)
		return false;
	arguments[0] = cj_bigints_datum(id, n);
	if (n == resolve->nrecords)
		cj_resolve_run(resolve, "DELETE FROM @.customer_key", 0, NULL, NULL);
	else
		cj_resolve_run(resolve, "DELETE FROM @.customer_key k USING @.customer_record r, unnest($1) x(id), unnest(r.block_keys) b(key) "
					   "WHERE r.record_id = x.id AND k.key = b.key AND k.record_id = r.record_id",
					   1, types, arguments);
	return true;
}

void
cj_resolve_write_keys(CjResolve *resolve)
{
	Oid			types[] = {INT8ARRAYOID, INT8ARRAYOID};
	Datum		arguments[2];
	StoredKey  *stored;
	int64	   *record;
	int64		n = 0;

	if (!delete_old_keys(resolve) || resolve->nkeys == 0)
		return;
	stored = MemoryContextAllocHuge(resolve->context, sizeof(StoredKey) * resolve->nkeys);
	for (int32 i = 0; i < resolve->nrecords; i++)
		for (int32 k = 0; k < resolve->record[i].nkeys; k++)
		{
			stored[n].key = resolve->key[resolve->record[i].key + k];
			stored[n++].record = resolve->record[i].id;
		}
	sort_stored_keys(stored, n);
	record = MemoryContextAllocHuge(resolve->context, sizeof(int64) * n);
	for (int64 i = 0; i < n; i++)
	{
		record[i] = stored[i].record;
		((int64 *) stored)[i] = stored[i].key;
	}
	arguments[0] = cj_bigints_datum((int64 *) stored, n);
	arguments[1] = cj_bigints_datum(record, n);
	cj_resolve_run(resolve, "INSERT INTO @.customer_key (key, record_id) SELECT x.key, x.id FROM unnest($1, $2) x(key, id)",
				   2, types, arguments);
}

/* Customers and keys of records; first and last are NULL where keys stay. */
#define CHANGE_RECORDS \
	"UPDATE @.customer_record r SET customer_id = coalesce(x.home, r.customer_id), " \
	"block_keys = CASE WHEN x.first IS NULL THEN r.block_keys ELSE $5[x.first:x.last] END " \
	"FROM unnest($1, $2, $3, $4) x(id, home, first, last) WHERE r.record_id = x.id"

static Datum
nullable_array(Datum *elements, bool *nulls, int n, Oid type)
{
	int			dims[1] = {n};
	int			lower[1] = {1};

	return PointerGetDatum(type == TEXTOID ?
						   construct_md_array(elements, nulls, 1, dims, lower, TEXTOID, -1, false,
											  TYPALIGN_INT) :
						   construct_md_array(elements, nulls, 1, dims, lower, INT8OID, 8,
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

void
cj_resolve_write_records(CjResolve *resolve)
{
	Oid			types[] = {INT8ARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID};
	Size		room = Max((Size) resolve->nrecords, 1);
	int64	   *id = MemoryContextAllocHuge(resolve->context, sizeof(int64) * room);
	Datum	   *column[3];
	bool	   *nulls[2];
	Datum		arguments[5];
	int			n = 0;

	for (int i = 0; i < 3; i++)
		column[i] = MemoryContextAllocHuge(resolve->context, sizeof(Datum) * room);
	for (int i = 0; i < 2; i++)
		nulls[i] = MemoryContextAllocHuge(resolve->context, room);
	for (int32 i = 0; i < resolve->nrecords; i++)
	{
		const CjResolveRecord *record = &resolve->record[i];

		if (record->nkeys < 0 && record->new_home == NULL)
			continue;
		id[n] = record->id;
		nulls[0][n] = record->new_home == NULL;
		nulls[1][n] = record->nkeys < 0;
		column[0][n] = nulls[0][n] ? (Datum) 0 : CStringGetTextDatum(record->new_home);
		column[1][n] = Int64GetDatum(record->key + 1);
		column[2][n] = Int64GetDatum(record->key + record->nkeys);
		n++;
	}
	if (n == 0)
		return;
	arguments[0] = cj_bigints_datum(id, n);
	arguments[1] = nullable_array(column[0], nulls[0], n, TEXTOID);
	arguments[2] = nullable_array(column[1], nulls[1], n, INT8OID);
	arguments[3] = nullable_array(column[2], nulls[1], n, INT8OID);
	arguments[4] = cj_bigints_datum(resolve->key, resolve->nkeys);
	cj_resolve_run(resolve, CHANGE_RECORDS, 5, types, arguments);
}
