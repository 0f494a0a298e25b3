/*-------------------------------------------------------------------------
 *
 * identify_sql.c
 *		One record comes in: whose is it?
 *
 * The steps: read settings and identifiers; take turns with whoever brings the
 * same identifiers at the same time; look for erased ones, the record itself,
 * and customers it could belong to; decide; store.  A new record of a customer
 * known by an identifier takes some ten statements, all of them probes of
 * indexes, and the rows they write.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "common/common.h"
#include "identity/catalogue.h"

PG_FUNCTION_INFO_V1(cj_customer_identify);

#define LOCK_SEED	7

/* A match that a limit forbids. */
typedef struct Conflict
{
	const CjMatch *match;
	const char *limit;
} Conflict;

/* What is decided about a record. */
typedef struct Decision
{
	const char *action;
	const char **other;			/* customers that it shows to be one */
	const char **home;
	int			nothers;
	const CjMatch *by;			/* the match that decided */
	Conflict   *conflict;
	int			nconflicts;
	int64		merge_id;
	const char *home_id;		/* the customer whose record it is */
	char	   *canonical;
	StringInfoData detail;		/* empty: NULL */
} Decision;

/* ---- taking turns ---- */

/*
 * The lock that writing records takes anyway, before any other: whoever waits
 * for customer_resolve must not hold what that needs.  Without the right to
 * write, the statement that tries will say so.
 */
static void
lock_records(const CjCatalogue *catalogue)
{
	if (pg_class_aclcheck(catalogue->record_table, GetUserId(), ACL_INSERT) == ACLCHECK_OK)
		LockRelationOid(catalogue->record_table, RowExclusiveLock);
}

static int
compare_hashes(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static int64
name_hash(const char *name, const char *value)
{
	char	   *both = psprintf("%s/%s", name, value);

	return (int64) hash_bytes_extended((unsigned char *) both, strlen(both), LOCK_SEED);
}

/* Locks until the end of the transaction, in one order for all. */
static void
take_turns(const CjNewRecord *record)
{
	int64	   *hash = palloc_array(int64, record->nactive + 1);
	int			n = 0;

	for (int i = 0; i < record->nidentifiers; i++)
		if (record->identifier[i].active)
			hash[n++] = name_hash(record->identifier[i].name, record->identifier[i].value);
	hash[n++] = name_hash(psprintf("source/%s", record->source_text), record->key_text);
	qsort(hash, n, sizeof(int64), compare_hashes);
	for (int i = 0; i < n; i++)
		if (i == 0 || hash[i] != hash[i - 1])
			DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(hash[i]));
}

static bool
is_suppressed(const CjNewRecord *record)
{
	const char **names;
	const char **values;
	Datum		arguments[2];
	int			n = 0;

	if (!record->has_suppressed)
		return false;
	names = palloc_array(const char *, record->nactive + 1);
	values = palloc_array(const char *, record->nactive + 1);
	for (int i = 0; i < record->nidentifiers; i++)
		if (record->identifier[i].active)
		{
			names[n] = record->identifier[i].name;
			values[n++] = record->identifier[i].value;
		}
	names[n] = psprintf("source/%s", record->source_text);
	values[n++] = record->key_text;
	arguments[0] = cj_texts_datum(names, n);
	arguments[1] = cj_texts_datum(values, n);
	return cj_catalogue_run(record->catalogue, CJ_FIND_SUPPRESSED, arguments, NULL) > 0;
}

/* Finds and locks the record's earlier version; false if that is the newer one. */
static bool
find_own(CjNewRecord *record, Datum observed_at, bool no_time)
{
	Datum		arguments[3];
	bool		isnull;
	Datum		keys;
	bool		outdated;

	arguments[0] = record->source;
	arguments[1] = record->source_key;
	arguments[2] = observed_at;
	if (cj_catalogue_run(record->catalogue, CJ_LOCK_RECORD, arguments, no_time ? "  n" : NULL) == 0)
		return true;
	record->record_id = DatumGetInt64(cj_row_datum(0, 1, &isnull));
	record->home = cj_row_text(0, 2);
	record->canonical = cj_row_text(0, 3);
	outdated = DatumGetBool(cj_row_datum(0, 4, &isnull)) && !isnull;
	keys = cj_row_datum(0, 5, &isnull);
	record->old_keys = isnull ? cj_bigints_datum(NULL, 0) :
		PointerGetDatum(DatumGetArrayTypePCopy(keys));
	return !outdated;
}

/* ---- deciding ---- */

/* The limit that a customer would break with this record; NULL if none. */
static const char *
limit_hit(const CjNewRecord *record, const char *canonical)
{
	const char **names = palloc_array(const char *, Max(record->nactive, 1));
	const char **values = palloc_array(const char *, Max(record->nactive, 1));
	Datum		arguments[3];
	bool		isnull;
	int			n = 0;

	arguments[0] = CStringGetTextDatum(canonical);
	if (record->has_limits)
	{
		for (int i = 0; i < record->nidentifiers; i++)
			if (record->identifier[i].active)
			{
				names[n] = record->identifier[i].name;
				values[n++] = record->identifier[i].value;
			}
		arguments[1] = cj_texts_datum(names, n);
		arguments[2] = cj_texts_datum(values, n);
		if (cj_catalogue_run(record->catalogue, CJ_FIND_LIMIT, arguments, NULL) > 0)
			return cj_row_text(0, 1);
	}
	arguments[1] = Int32GetDatum(record->max_records);
	cj_catalogue_run(record->catalogue, CJ_COUNT_RECORDS, arguments, NULL);
	return DatumGetInt64(cj_row_datum(0, 1, &isnull)) >= record->max_records ? "records" : NULL;
}

/* Sorts matches into customers that the record shows to be one, and conflicts. */
static void
weigh_matches(const CjNewRecord *record, Decision *decision)
{
	int			room = record->nmatches + 1;

	decision->other = palloc_array(const char *, room);
	decision->home = palloc_array(const char *, room);
	decision->conflict = palloc_array(Conflict, room);
	for (int i = 0; i < record->nmatches; i++)
	{
		const CjMatch *match = &record->match[i];
		bool		by_model = strcmp(match->kind, "model") == 0;
		const char *limit;

		if (by_model && decision->nothers > 0)
			break;
		limit = limit_hit(record, match->canonical);
		if (limit != NULL)
		{
			decision->conflict[decision->nconflicts].match = match;
			decision->conflict[decision->nconflicts++].limit = limit;
			continue;
		}
		decision->by = decision->nothers == 0 ? match : decision->by;
		decision->other[decision->nothers] = match->canonical;
		decision->home[decision->nothers++] = match->home;
	}
	if (record->home == NULL)
		return;
	for (int i = 0; i < decision->nothers; i++)
		if (strcmp(decision->other[i], record->canonical) == 0)
			return;
	memmove(decision->other + 1, decision->other, sizeof(char *) * decision->nothers);
	memmove(decision->home + 1, decision->home, sizeof(char *) * decision->nothers);
	decision->other[0] = record->canonical;
	decision->home[0] = record->home;
	decision->nothers++;
}

/* Several customers are one, says the record. */
static void
merge(const CjNewRecord *record, Decision *decision)
{
	Datum		arguments[2];
	bool		isnull;

	arguments[0] = cj_texts_datum(decision->other, decision->nothers);
	arguments[1] = CStringGetTextDatum(psprintf("identified by %s of %s %s",
												decision->by ? decision->by->kind : "record",
												record->source_text, record->key_text));
	if (cj_catalogue_run(record->catalogue, CJ_MERGE_OLDEST, arguments, NULL) != 1)
		elog(ERROR, "customers to merge are gone");
	if (strcmp(cj_row_text(0, 2), "refused") == 0)
	{
		decision->action = "ambiguous";
		appendStringInfoString(&decision->detail, "{\"customers\": ");
		cj_json_strings(&decision->detail, decision->other, decision->nothers);
		appendStringInfoString(&decision->detail, ", \"reason\": ");
		cj_json_string(&decision->detail, cj_row_text(0, 3));
		appendStringInfoChar(&decision->detail, '}');
		return;
	}
	decision->action = "merged";
	decision->merge_id = DatumGetInt64(cj_row_datum(0, 1, &isnull));
	if (decision->home_id == NULL)
		decision->home_id = decision->home[0];
}

static void
describe_conflicts(Decision *decision)
{
	StringInfo	detail = &decision->detail;

	appendStringInfoString(detail, "{\"conflicts\": [");
	for (int i = 0; i < decision->nconflicts; i++)
	{
		const Conflict *conflict = &decision->conflict[i];

		appendStringInfoString(detail, i == 0 ? "{\"customer\": " : ", {\"customer\": ");
		cj_json_string(detail, conflict->match->canonical);
		appendStringInfoString(detail, ", \"by\": ");
		cj_json_string(detail, conflict->match->kind);
		appendStringInfoString(detail, ", \"limit\": ");
		cj_json_string(detail, conflict->limit);
		appendStringInfoChar(detail, '}');
	}
	appendStringInfoString(detail, "]}");
}

/* An identifier that led to a customer who may not have the record leads there no more. */
static void
demote(CjNewRecord *record, const Decision *decision)
{
	for (int i = 0; i < record->nidentifiers; i++)
		for (int k = 0; k < decision->nconflicts; k++)
			if (strcmp(decision->conflict[k].match->kind, record->identifier[i].name) == 0 &&
				strcmp(decision->conflict[k].limit, record->identifier[i].name) != 0)
				record->identifier[i].demoted = true;
}

static void
describe_blocked(const CjNewRecord *record, Decision *decision)
{
	const char **names = palloc_array(const char *, record->nidentifiers);

	for (int i = 0; i < record->nidentifiers; i++)
		names[i] = record->identifier[i].name;
	appendStringInfoString(&decision->detail, "{\"blocked\": ");
	cj_json_strings(&decision->detail, names, record->nidentifiers);
	appendStringInfoChar(&decision->detail, '}');
}

static void
decide(CjNewRecord *record, Decision *decision)
{
	weigh_matches(record, decision);
	decision->home_id = record->home;
	if (decision->nothers > 1)
		merge(record, decision);
	else if (decision->nothers == 1)
	{
		decision->action = "linked";
		if (decision->home_id == NULL)
			decision->home_id = decision->home[0];
		appendStringInfoString(&decision->detail, "{\"by\": ");
		cj_json_string(&decision->detail, decision->by ? decision->by->kind : NULL);
		appendStringInfoChar(&decision->detail, '}');
	}
	else if (decision->nconflicts > 0)
	{
		decision->action = "conflict";
		describe_conflicts(decision);
		demote(record, decision);
	}
	else if (record->nactive == 0 && record->nidentifiers > 0)
	{
		decision->action = "blocked";
		describe_blocked(record, decision);
	}
	else
		decision->action = "created";
}

/* ---- storing ---- */

/* A new customer, or a lock on the one there is: its history has one writer at a time. */
static void
find_home(CjCatalogue *catalogue, Decision *decision)
{
	Datum		arguments[1];

	if (decision->home_id == NULL)
	{
		cj_catalogue_run(catalogue, CJ_NEW_CUSTOMER, NULL, NULL);
		decision->home_id = decision->canonical = cj_row_text(0, 1);
		return;
	}
	arguments[0] = CStringGetTextDatum(decision->home_id);
	if (cj_catalogue_run(catalogue, CJ_LOCK_CUSTOMER, arguments, NULL) == 0 ||
		strcmp(cj_row_text(0, 2), "erased") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("customer \"%s\" was erased at the same time", decision->home_id),
				 errhint("Try again.")));
	decision->canonical = cj_row_text(0, 1);
}

static void
store_record(CjNewRecord *record, const Decision *decision, Datum observed_at, bool no_time)
{
	Datum		keys = cj_bigints_datum(record->key, record->nkeys);
	Datum		arguments[6];
	bool		isnull;

	if (record->record_id == 0)
	{
		arguments[0] = record->source;
		arguments[1] = record->source_key;
		arguments[2] = CStringGetTextDatum(decision->home_id);
		arguments[3] = record->attributes;
		arguments[4] = observed_at;
		arguments[5] = keys;
		cj_catalogue_run(record->catalogue, CJ_NEW_RECORD, arguments, no_time ? "    n " : NULL);
		record->record_id = DatumGetInt64(cj_row_datum(0, 1, &isnull));
		return;
	}
	arguments[0] = Int64GetDatum(record->record_id);
	arguments[1] = record->old_keys;
	cj_catalogue_run(record->catalogue, CJ_DELETE_KEYS, arguments, NULL);
	cj_catalogue_run(record->catalogue, CJ_DELETE_IDENTIFIERS, arguments, NULL);
	arguments[1] = CStringGetTextDatum(decision->home_id);
	arguments[2] = record->attributes;
	arguments[3] = observed_at;
	arguments[4] = keys;
	cj_catalogue_run(record->catalogue, CJ_CHANGE_RECORD, arguments, no_time ? "   n " : NULL);
}

static void
store_identifiers(const CjNewRecord *record)
{
	const char **part = palloc_array(const char *, 3 * Max(record->nidentifiers, 1));
	Datum		arguments[4];
	int			n = record->nidentifiers;

	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
	{
		const CjIdentifier *identifier = &record->identifier[i];

		part[i] = identifier->name;
		part[n + i] = identifier->value;
		part[2 * n + i] = !identifier->active ? "blocked" :
			identifier->demoted ? "demoted" : "active";
	}
	for (int i = 0; i < 3; i++)
		arguments[i] = cj_texts_datum(part + i * n, n);
	arguments[3] = Int64GetDatum(record->record_id);
	cj_catalogue_run(record->catalogue, CJ_NEW_IDENTIFIERS, arguments, NULL);
}

static void
store_evidence(const CjNewRecord *record, const Decision *decision)
{
	Datum		arguments[4];

	if (record->nkeys > 0)
	{
		arguments[0] = cj_bigints_datum(record->key, record->nkeys);
		arguments[1] = Int64GetDatum(record->record_id);
		cj_catalogue_run(record->catalogue, CJ_NEW_KEYS, arguments, NULL);
	}
	if (decision->by == NULL || (strcmp(decision->action, "linked") != 0 &&
								 strcmp(decision->action, "merged") != 0))
		return;
	arguments[0] = Int64GetDatum(record->record_id);
	arguments[1] = Int64GetDatum(decision->by->record);
	arguments[2] = CStringGetTextDatum(decision->by->kind);
	arguments[3] = Float8GetDatum(decision->by->weight);
	cj_catalogue_run(record->catalogue, CJ_NEW_EVIDENCE, arguments, NULL);
}

static void
store_review(const CjNewRecord *record, const Decision *decision)
{
	const char **customers;
	Datum		arguments[4];

	if (strcmp(decision->action, "ambiguous") != 0 && strcmp(decision->action, "conflict") != 0)
		return;
	customers = palloc_array(const char *, decision->nothers + 1);
	customers[0] = decision->home_id;
	memcpy(customers + 1, decision->other, sizeof(char *) * decision->nothers);
	arguments[0] = CStringGetTextDatum(decision->action);
	arguments[1] = cj_texts_datum(customers, decision->nothers + 1);
	arguments[2] = Int64GetDatum(record->record_id);
	arguments[3] = cj_json_datum(decision->detail.data);
	cj_catalogue_run(record->catalogue, CJ_NEW_REVIEW, arguments, NULL);
}

static void
store_note(const CjNewRecord *record, const Decision *decision)
{
	StringInfoData note;
	Datum		arguments[3];

	initStringInfo(&note);
	appendStringInfo(&note, "{\"record_id\": " INT64_FORMAT ", \"source\": ", record->record_id);
	cj_json_string(&note, record->source_text);
	appendStringInfoString(&note, ", \"source_key\": ");
	cj_json_string(&note, record->key_text);
	appendStringInfo(&note, ", \"detail\": %s}",
					 decision->detail.len > 0 ? decision->detail.data : "null");
	arguments[0] = CStringGetTextDatum(decision->home_id);
	arguments[1] = CStringGetTextDatum(decision->action);
	arguments[2] = cj_json_datum(note.data);
	cj_catalogue_run(record->catalogue, CJ_NEW_NOTE, arguments, NULL);
}

/* ---- the function ---- */

/* The answer, in the caller's memory. */
static Datum
answer(FunctionCallInfo fcinfo, MemoryContext caller, const Decision *decision)
{
	MemoryContext old = MemoryContextSwitchTo(caller);
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	bool		nulls[4] = {false};
	Datum		values[4];
	Datum		result;

	nulls[0] = decision->canonical == NULL;
	nulls[2] = decision->merge_id == 0;
	nulls[3] = decision->detail.len == 0;
	values[0] = nulls[0] ? (Datum) 0 : CStringGetTextDatum(decision->canonical);
	values[1] = CStringGetTextDatum(decision->action);
	values[2] = Int64GetDatum(decision->merge_id);
	values[3] = nulls[3] ? (Datum) 0 : cj_json_datum(decision->detail.data);
	result = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	MemoryContextSwitchTo(old);
	return result;
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) ||
		!JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(2)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a record needs a source, a key and attributes that are a jsonb object")));
}

/* Decides and stores, unless the record may not or need not be taken in. */
static void
take_in(CjNewRecord *record, Decision *decision, Datum observed_at, bool no_time)
{
	lock_records(record->catalogue);
	cj_new_record_read(record);
	take_turns(record);
	if (is_suppressed(record))
	{
		decision->action = "suppressed";
		appendStringInfoString(&decision->detail, "{\"reason\": \"erased before\"}");
		return;
	}
	if (!find_own(record, observed_at, no_time))
	{
		decision->action = "linked";
		decision->canonical = record->canonical;
		appendStringInfoString(&decision->detail, "{\"outdated\": true}");
		return;
	}
	cj_new_record_match(record);
	decide(record, decision);
	find_home(record->catalogue, decision);
	store_record(record, decision, observed_at, no_time);
	store_identifiers(record);
	store_evidence(record, decision);
	store_review(record, decision);
	store_note(record, decision);
}

/*
 * customer_identify(source, source_key, attributes, observed_at)
 */
Datum
cj_customer_identify(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	CjNewRecord *record;
	Decision	decision = {0};
	Datum		result;

	check_arguments(fcinfo);
	SPI_connect();
	record = palloc0_object(CjNewRecord);
	record->catalogue = cj_catalogue_open(fcinfo->flinfo->fn_oid);
	record->source = PG_GETARG_DATUM(0);
	record->source_key = PG_GETARG_DATUM(1);
	record->attributes = JsonbPGetDatum(PG_GETARG_JSONB_P(2));
	record->source_text = TextDatumGetCString(record->source);
	record->key_text = TextDatumGetCString(record->source_key);
	initStringInfo(&decision.detail);
	take_in(record, &decision, PG_GETARG_DATUM(3), PG_ARGISNULL(3));
	result = answer(fcinfo, caller, &decision);
	SPI_finish();
	return result;
}
