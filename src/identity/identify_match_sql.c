/*-------------------------------------------------------------------------
 *
 * identify_match_sql.c
 *		Whose a record could be.
 *
 * Identifiers go first, in the order of their priority: whoever shares a value
 * that is not generic is a match.  Only where none leads anywhere are records
 * with a common blocking key weighed by the active model.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "identity/catalogue.h"
#include "identity/datum.h"

/* ---- identifiers of the record ---- */

/* Columns of CJ_GET_SETTINGS. */
enum
{
	MAX_RECORDS = 1, CANDIDATE_LIMIT, HAS_SUPPRESSED, MODEL_XMIN, MODEL_PLACE,
	IDENTIFIER, ATTRIBUTE, KIND, REGION, PRIORITY, HAS_LIMIT, GENERIC_AFTER, BLOCKED
};

/* An attribute of the record as text without blanks around it; NULL if there is none. */
static text *
attribute_text(Datum attributes, Datum name)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		value;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = attributes;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = name;
	fcinfo->args[1].isnull = false;
	value = jsonb_object_field_text(fcinfo);
	if (fcinfo->isnull)
		return NULL;
	value = DirectFunctionCall1(btrim1, value);
	return VARSIZE_ANY_EXHDR(DatumGetPointer(value)) == 0 ? NULL : DatumGetTextPP(value);
}

/* As customer_normalize_identifier: NULL if the value is none of its kind. */
static text *
normalize(const char *kind, const char *region, text *raw)
{
	CjText		t = cj_utf8_arg(raw);
	char	   *to;
	int			n;

	if (strcmp(kind, "text") == 0)
		return raw;
	to = palloc((Size) t.len + 16 + CJ_PHONE_SIZE + CJ_DOCUMENT_SIZE);
	if (strcmp(kind, "email") == 0)
		n = cj_email(t.data, t.len, true, true, to);
	else if (strcmp(kind, "document") == 0)
		n = cj_document(t.data, t.len, to);
	else
	{
		if (!cj_phone_region_known(region))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown telephone region \"%s\"", region)));
		n = cj_phone(t.data, t.len, region, to);
	}
	return n < 0 ? NULL : cj_utf8_text(to, n);
}

static bool
is_placeholder(const char *kind, text *raw)
{
	CjText		t = cj_utf8_arg(raw);

	return cj_is_placeholder(t.data, t.len, strcmp(kind, "email") == 0 ? CJ_KIND_EMAIL :
							 strcmp(kind, "phone") == 0 ? CJ_KIND_PHONE :
							 strcmp(kind, "document") == 0 ? CJ_KIND_DOCUMENT : CJ_KIND_TEXT);
}

/* Does the value match one of the patterns, as given or normalised? */
static bool
is_blocked(Datum patterns, text *raw, text *value)
{
	Datum	   *element;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(patterns), TEXTOID, -1, false, TYPALIGN_INT,
					  &element, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (DatumGetBool(DirectFunctionCall2Coll(textregexeq, DEFAULT_COLLATION_OID,
												 PointerGetDatum(raw), element[i])) ||
			DatumGetBool(DirectFunctionCall2Coll(textregexeq, DEFAULT_COLLATION_OID,
												 PointerGetDatum(value), element[i])))
			return true;
	return false;
}

/* The identifier that a row of settings declares, if the record has it. */
static void
read_identifier(CjNewRecord *record, uint64 row)
{
	CjIdentifier *identifier = &record->identifier[record->nidentifiers];
	bool		isnull;
	Datum		attribute = cj_row_datum(row, ATTRIBUTE, &isnull);
	char	   *kind;
	text	   *raw;
	text	   *value;
	Datum		patterns;

	if (isnull)
		return;
	record->has_limits |= DatumGetBool(cj_row_datum(row, HAS_LIMIT, &isnull));
	raw = attribute_text(record->attributes, attribute);
	if (raw == NULL)
		return;
	kind = cj_row_text(row, KIND);
	value = normalize(kind, cj_row_text(row, REGION), raw);
	identifier->active = value != NULL && !is_placeholder(kind, raw);
	if (value == NULL)
		value = raw;
	patterns = cj_row_datum(row, BLOCKED, &isnull);
	if (!isnull && is_blocked(patterns, raw, value))
		identifier->active = false;
	identifier->name = cj_row_text(row, IDENTIFIER);
	identifier->value = text_to_cstring(value);
	identifier->demoted = false;
	identifier->priority = DatumGetInt32(cj_row_datum(row, PRIORITY, &isnull));
	identifier->most = DatumGetInt32(cj_row_datum(row, GENERIC_AFTER, &isnull));
	record->nactive += identifier->active;
	record->nidentifiers++;
}

void
cj_new_record_read(CjNewRecord *record)
{
	uint64		n = cj_catalogue_run(record->catalogue, CJ_GET_SETTINGS, NULL, NULL);
	bool		isnull;
	Datum		place;

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("table \"%s.customer_setting\" is empty",
						NameStr(record->catalogue->schema))));
	record->max_records = DatumGetInt32(cj_row_datum(0, MAX_RECORDS, &isnull));
	record->candidate_limit = DatumGetInt32(cj_row_datum(0, CANDIDATE_LIMIT, &isnull));
	record->has_suppressed = DatumGetBool(cj_row_datum(0, HAS_SUPPRESSED, &isnull));
	record->model_xmin = DatumGetTransactionId(cj_row_datum(0, MODEL_XMIN, &isnull));
	record->has_model = !isnull;
	place = cj_row_datum(0, MODEL_PLACE, &isnull);
	if (!isnull)
		record->model_place = *(ItemPointer) DatumGetPointer(place);
	record->identifier = palloc_array(CjIdentifier, n);
	for (uint64 i = 0; i < n; i++)
		read_identifier(record, i);
}

/* ---- matches ---- */

static CjMatch *
find_match(CjNewRecord *record, const char *canonical)
{
	for (int i = 0; i < record->nmatches; i++)
		if (strcmp(record->match[i].canonical, canonical) == 0)
			return &record->match[i];
	return NULL;
}

static CjMatch *
add_match(CjNewRecord *record, char *canonical, char *home, int64 id, const char *kind)
{
	CjMatch    *match;

	if (record->nmatches == record->match_room)
	{
		record->match_room = Max(16, record->match_room * 2);
		record->match = record->match == NULL ? palloc_array(CjMatch, record->match_room) :
			repalloc(record->match, sizeof(CjMatch) * record->match_room);
	}
	match = &record->match[record->nmatches++];
	match->canonical = canonical;
	match->home = home;
	match->record = id;
	match->kind = kind;
	match->weight = 0;
	return match;
}

/*
 * Rows [from, to) are records with one identifier's value.  Customers among
 * them are matches, unless there are more than a value may lead to.
 */
static void
match_identifier(CjNewRecord *record, const CjIdentifier *identifier, uint64 from, uint64 to)
{
	int			before = record->nmatches;
	int			most = Max(identifier->most, 0);
	char	  **holder = palloc_array(char *, Min((uint64) most, to - from) + 1);
	int			nholders = 0;

	for (uint64 row = from; row < to; row++)
	{
		bool		isnull;
		char	   *canonical = cj_row_text(row, 2);
		int64		id = DatumGetInt64(cj_row_datum(row, 4, &isnull));
		int			at = 0;

		while (at < nholders && strcmp(holder[at], canonical) != 0)
			at++;
		if (at == most)
		{
			record->nmatches = before;
			return;
		}
		if (at == nholders)
			holder[nholders++] = canonical;
		if (!DatumGetBool(cj_row_datum(row, 5, &isnull)) || id == record->record_id ||
			find_match(record, canonical) != NULL)
			continue;
		add_match(record, canonical, cj_row_text(row, 3), id, identifier->name)->weight =
			100.0 - identifier->priority / 1e6;
	}
}

static void
match_identifiers(CjNewRecord *record)
{
	const char **names = palloc_array(const char *, record->nactive);
	const char **values = palloc_array(const char *, record->nactive);
	Datum	   *most = palloc_array(Datum, record->nactive);
	const CjIdentifier **active = palloc_array(const CjIdentifier *, record->nactive);
	Datum		arguments[3];
	int			n = 0;
	uint64		nrows;

	for (int i = 0; i < record->nidentifiers; i++)
	{
		if (!record->identifier[i].active)
			continue;
		active[n] = &record->identifier[i];
		names[n] = active[n]->name;
		values[n] = active[n]->value;
		most[n] = Int32GetDatum(active[n]->most);
		n++;
	}
	arguments[0] = cj_texts_datum(names, n);
	arguments[1] = cj_texts_datum(values, n);
	arguments[2] = PointerGetDatum(construct_array(most, n, INT4OID, 4, true, TYPALIGN_INT));
	nrows = cj_catalogue_run(record->catalogue, CJ_FIND_SAME_IDENTIFIER, arguments, NULL);
	for (uint64 from = 0; from < nrows;)
	{
		bool		isnull;
		int32		of = DatumGetInt32(cj_row_datum(from, 1, &isnull));
		uint64		to = from + 1;

		while (to < nrows && DatumGetInt32(cj_row_datum(to, 1, &isnull)) == of)
			to++;
		match_identifier(record, active[of - 1], from, to);
		from = to;
	}
}

/* ---- by the model ---- */

typedef struct Found
{
	int64		record;
	int32		key;
	int32		block;			/* records with this key, as far as counted */
} Found;

static int
by_block(const void *a, const void *b)
{
	const Found *x = a;
	const Found *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

/*
 * Records that share a key, each once, from the smallest block on: what few
 * records share says most.  Of a block, as of all, candidate_limit at most.
 */
static int
find_candidates(CjNewRecord *record, int64 *id)
{
	Datum		arguments[2];
	Found	   *found;
	int32		block[CJ_MAX_RULES + 1] = {0};
	int			n = 0;
	int			nfound;

	arguments[0] = cj_bigints_datum(record->key, record->nkeys);
	arguments[1] = Int32GetDatum(record->candidate_limit);
	nfound = (int) cj_catalogue_run(record->catalogue, CJ_FIND_SAME_KEY, arguments, NULL);
	found = palloc_array(Found, Max(nfound, 1));
	for (int i = 0; i < nfound; i++)
	{
		bool		isnull;

		found[i].key = DatumGetInt32(cj_row_datum(i, 1, &isnull));
		found[i].record = DatumGetInt64(cj_row_datum(i, 2, &isnull));
		block[found[i].key]++;
	}
	for (int i = 0; i < nfound; i++)
		found[i].block = block[found[i].key];
	qsort(found, nfound, sizeof(Found), by_block);
	for (int i = 0; i < nfound && n < record->candidate_limit; i++)
	{
		bool		seen = found[i].record == record->record_id;

		for (int k = 0; k < n && !seen; k++)
			seen = id[k] == found[i].record;
		if (!seen)
			id[n++] = found[i].record;
	}
	return n;
}

/* The record in a row, number "other" in the engine, if it weighs enough. */
static void
match_candidate(CjNewRecord *record, CjSite *site, uint64 row, int32 other)
{
	bool		isnull;
	int64		id = DatumGetInt64(cj_row_datum(row, 1, &isnull));
	char	   *canonical;
	CjMatch    *match;
	double		weight = cj_pair_weight(site->linkage, 0, other);

	if (weight < site->linkage->threshold)
		return;
	canonical = cj_row_text(row, 2);
	match = find_match(record, canonical);
	if (match == NULL)
		match = add_match(record, canonical, NULL, 0, "model");
	else if (match->weight > weight || (match->weight == weight && match->record < id))
		return;
	match->home = cj_row_text(row, 3);
	match->record = id;
	match->weight = weight;
}

static void
match_model(CjNewRecord *record, CjSite *site)
{
	int64	   *id = palloc_array(int64, Max(record->candidate_limit, 1));
	int			n = find_candidates(record, id);
	Datum		arguments[1];
	uint64		nrows;

	if (n == 0)
		return;
	arguments[0] = cj_bigints_datum(id, n);
	nrows = cj_catalogue_run(record->catalogue, CJ_GET_CANDIDATES, arguments, NULL);

	/*
	 * first all into the engine: a comparison under way keeps pointers into
	 * it
	 */
	for (uint64 row = 0; row < nrows; row++)
	{
		bool		isnull;

		cj_site_add(site, cj_row_datum(row, 4, &isnull), true);
	}
	for (uint64 row = 0; row < nrows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		match_candidate(record, site, row, (int32) row + 1);
	}
}

static int
by_weight(const void *a, const void *b)
{
	const CjMatch *x = a;
	const CjMatch *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return strcmp(x->canonical, y->canonical);
}

void
cj_new_record_match(CjNewRecord *record)
{
	CjSite	   *site = NULL;

	if (record->has_model)
		site = cj_catalogue_site(record->catalogue, record->model_xmin, &record->model_place);
	if (site != NULL)
	{
		cj_site_add(site, record->attributes, true);
		record->nkeys = cj_stored_keys(site->linkage, 0, record->key);
	}
	if (record->nactive > 0)
		match_identifiers(record);
	if (record->nmatches == 0 && record->nkeys > 0)
		match_model(record, site);
	qsort(record->match, record->nmatches, sizeof(CjMatch), by_weight);
}
