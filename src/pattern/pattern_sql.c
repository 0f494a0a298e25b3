/*-------------------------------------------------------------------------
 *
 * pattern_sql.c
 *		The type journey_pattern: input, output, casts, comparison.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/common.h"
#include "journey/datum.h"
#include "pattern/datum.h"

PG_FUNCTION_INFO_V1(cj_pattern_in);
PG_FUNCTION_INFO_V1(cj_pattern_out);
PG_FUNCTION_INFO_V1(cj_pattern_recv);
PG_FUNCTION_INFO_V1(cj_pattern_send);
PG_FUNCTION_INFO_V1(cj_pattern_from_text);
PG_FUNCTION_INFO_V1(cj_pattern_to_text);
PG_FUNCTION_INFO_V1(cj_pattern_quote);
PG_FUNCTION_INFO_V1(cj_pattern_cmp);
PG_FUNCTION_INFO_V1(cj_pattern_eq);
PG_FUNCTION_INFO_V1(cj_pattern_ne);
PG_FUNCTION_INFO_V1(cj_pattern_lt);
PG_FUNCTION_INFO_V1(cj_pattern_le);
PG_FUNCTION_INFO_V1(cj_pattern_gt);
PG_FUNCTION_INFO_V1(cj_pattern_ge);
PG_FUNCTION_INFO_V1(cj_pattern_hash);
PG_FUNCTION_INFO_V1(cj_pattern_hash_extended);

/* ---- input and output ---- */

CjPattern *
cj_pattern_of_text(const char *source, int len, Node *escontext)
{
	CjNode	   *tree = cj_pattern_parse(source, len, escontext);

	if (tree == NULL)
		return NULL;
	/* what is too large to run is not let in */
	(void) cj_pattern_compile(tree);
	return cj_pattern_store(tree);
}

Datum
cj_pattern_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	CjPattern  *pattern = cj_pattern_of_text(text, strlen(text), CJ_ESCONTEXT(fcinfo));

	if (pattern == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(pattern);
}

Datum
cj_pattern_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(cj_pattern_print(cj_pattern_load(PG_GETARG_PATTERN(0))));
}

/* The wire format is a version byte and the text, which brings its encoding along. */
Datum
cj_pattern_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	char	   *text;
	int			len;

	if (version != CJ_PATTERN_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported journey_pattern format version %d", version)));
	text = pq_getmsgtext(message, message->len - message->cursor, &len);

	PG_RETURN_POINTER(cj_pattern_of_text(text, len, NULL));
}

Datum
cj_pattern_send(PG_FUNCTION_ARGS)
{
	char	   *text = cj_pattern_print(cj_pattern_load(PG_GETARG_PATTERN(0)));
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, CJ_PATTERN_VERSION);
	pq_sendtext(&message, text, strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

Datum
cj_pattern_from_text(PG_FUNCTION_ARGS)
{
	text	   *source = PG_GETARG_TEXT_PP(0);

	PG_RETURN_POINTER(cj_pattern_of_text(VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source), NULL));
}

Datum
cj_pattern_to_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(cj_pattern_print(cj_pattern_load(PG_GETARG_PATTERN(0)))));
}

Datum
cj_pattern_quote(PG_FUNCTION_ARGS)
{
	CjText		name = cj_text_arg(PG_GETARG_TEXT_PP(0));
	StringInfoData quoted;

	if (name.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a name in a pattern must not be empty")));
	cj_check_name(name, "event");
	initStringInfo(&quoted);
	cj_append_name(&quoted, name);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(quoted.data, quoted.len));
}

/* ---- comparison: equal patterns have equal bytes ---- */

static int
compare(FunctionCallInfo fcinfo)
{
	CjPattern  *a = PG_GETARG_PATTERN(0);
	CjPattern  *b = PG_GETARG_PATTERN(1);
	CjText		x = {VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a)};
	CjText		y = {VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b)};
	int			result = cj_text_compare(x, y);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

Datum
cj_pattern_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

Datum
cj_pattern_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
cj_pattern_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
cj_pattern_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
cj_pattern_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
cj_pattern_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
cj_pattern_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
cj_pattern_hash(PG_FUNCTION_ARGS)
{
	CjPattern  *pattern = PG_GETARG_PATTERN(0);

	return hash_any((unsigned char *) VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));
}

Datum
cj_pattern_hash_extended(PG_FUNCTION_ARGS)
{
	CjPattern  *pattern = PG_GETARG_PATTERN(0);

	return hash_any_extended((unsigned char *) VARDATA_ANY(pattern),
							 VARSIZE_ANY_EXHDR(pattern), PG_GETARG_INT64(1));
}

/* ---- the cache of a call site ---- */

typedef struct Cache
{
	MemoryContext context;		/* of everything here but this struct */
	CjPattern  *pattern;
	CjMatcher  *matcher;
} Cache;

CjMatcher *
cj_cached_matcher(void **site, MemoryContext parent, const CjPattern *pattern)
{
	Cache	   *cache = *site;
	Size		size = VARSIZE_ANY_EXHDR(pattern);
	MemoryContext old;

	if (cache != NULL && cache->matcher != NULL &&
		size == VARSIZE_ANY_EXHDR(cache->pattern) &&
		memcmp(VARDATA_ANY(pattern), VARDATA_ANY(cache->pattern), size) == 0)
		return cache->matcher;
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(parent, sizeof(Cache));
		*site = cache;
	}
	cache->matcher = NULL;
	if (cache->context == NULL)
		cache->context = AllocSetContextCreate(parent, "journey_pattern", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	cache->pattern = palloc(VARSIZE_ANY(pattern));
	memcpy(cache->pattern, pattern, VARSIZE_ANY(pattern));
	cache->matcher = cj_matcher_create(cj_pattern_compile(cj_pattern_load(cache->pattern)),
									   cache->context);
	MemoryContextSwitchTo(old);
	return cache->matcher;
}
