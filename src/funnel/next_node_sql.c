/*-------------------------------------------------------------------------
 *
 * next_node_sql.c
 *		sequence_next_node: the value of the row that follows a chain of
 *		conditions, or precedes it.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "common/common.h"
#include "funnel/funnel.h"

PG_FUNCTION_INFO_V1(cj_next_node_transfn);
PG_FUNCTION_INFO_V1(cj_next_node_combinefn);
PG_FUNCTION_INFO_V1(cj_next_node_serialfn);
PG_FUNCTION_INFO_V1(cj_next_node_deserialfn);
PG_FUNCTION_INFO_V1(cj_next_node_finalfn);

/* Positions of the transition function's arguments. */
enum
{
	ARG_STATE, ARG_DIRECTION, ARG_BASE, ARG_TIME, ARG_VALUE, ARG_BASE_CONDITION, ARG_CONDITIONS
};

#define MAX_CHAIN	63			/* conditions beside the base */

typedef enum Base
{
	BASE_HEAD, BASE_TAIL, BASE_FIRST, BASE_LAST
} Base;

typedef struct NodeRow
{
	int64		time;
	uint64		mask;			/* bit 0: base, then the chain */
	Datum		value;
} NodeRow;

typedef struct NodeState
{
	bool		forward;
	Base		base;
	int			chain;
	Oid			type;
	int16		len;
	bool		byval;
	int64		count;
	int64		capacity;
	NodeRow    *rows;
	FmgrInfo   *compare;		/* NULL if the type has no order */
	Oid			collation;
} NodeState;

static void
bad_word(const char *name, const char *word, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized value for \"%s\": \"%s\"", name, word),
			 errhint("%s", hint)));
}

static void
read_words(FunctionCallInfo fcinfo, NodeState *state)
{
	static const char *const bases[] = {"head", "tail", "first_match", "last_match"};
	char	   *direction;
	char	   *base;
	int			b = 0;

	if (PG_ARGISNULL(ARG_DIRECTION) || PG_ARGISNULL(ARG_BASE))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("direction and base must not be NULL")));
	direction = text_to_cstring(PG_GETARG_TEXT_PP(ARG_DIRECTION));
	base = text_to_cstring(PG_GETARG_TEXT_PP(ARG_BASE));
	state->forward = pg_strcasecmp(direction, "forward") == 0;
	if (!state->forward && pg_strcasecmp(direction, "backward") != 0)
		bad_word("direction", direction, "Possible values are forward and backward.");
	while (b < (int) lengthof(bases) && pg_strcasecmp(base, bases[b]) != 0)
		b++;
	if (b == lengthof(bases))
		bad_word("base", base, "Possible values are head, tail, first_match and last_match.");
	state->base = b;
	if ((state->base == BASE_HEAD && !state->forward) || (state->base == BASE_TAIL && state->forward))
		bad_word("base", base, "head goes with forward, tail with backward.");
}

/* Finds out what sorting and copying need to know of the values' type. */
static void
know_type(NodeState *state)
{
	TypeCacheEntry *entry = lookup_type_cache(state->type, TYPECACHE_CMP_PROC_FINFO);

	get_typlenbyval(state->type, &state->len, &state->byval);
	if (OidIsValid(entry->cmp_proc_finfo.fn_oid))
		state->compare = &entry->cmp_proc_finfo;
}

/* A place for one more row. */
static NodeRow *
new_row(NodeState *state)
{
	if (state->count == state->capacity)
	{
		if (state->capacity >= CJ_HARD_MAX_EVENTS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d rows in one group", CJ_HARD_MAX_EVENTS)));
		state->capacity *= 2;
		state->rows = repalloc_huge(state->rows, state->capacity * sizeof(NodeRow));
	}
	return &state->rows[state->count++];
}

static NodeState *
create_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	NodeState  *state = palloc0_object(NodeState);

	state->type = get_fn_expr_argtype(fcinfo->flinfo, ARG_VALUE);
	know_type(state);
	state->chain = PG_NARGS() - ARG_CONDITIONS;
	if (state->chain > MAX_CHAIN || get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("the chain has at most %d conditions, each an argument", MAX_CHAIN)));
	for (int i = 0; i < state->chain; i++)
		if (get_fn_expr_argtype(fcinfo->flinfo, ARG_CONDITIONS + i) != BOOLOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("condition %d must be boolean, not %s", i + 1,
							format_type_be(get_fn_expr_argtype(fcinfo->flinfo, ARG_CONDITIONS + i)))));
	read_words(fcinfo, state);
	state->collation = PG_GET_COLLATION();
	state->capacity = 16;
	state->rows = palloc_array(NodeRow, state->capacity);
	MemoryContextSwitchTo(old);
	return state;
}

static int64
read_time(FunctionCallInfo fcinfo)
{
	if (get_fn_expr_argtype(fcinfo->flinfo, ARG_TIME) == DATEOID)
	{
		DateADT		date = PG_GETARG_DATEADT(ARG_TIME);

		if (DATE_IS_NOBEGIN(date))
			return DT_NOBEGIN;
		return DATE_IS_NOEND(date) ? DT_NOEND : (int64) date * USECS_PER_DAY;
	}
	return PG_GETARG_INT64(ARG_TIME);
}

/* next_node_transfn(state, direction, base, time, value, base condition, conditions) */
Datum
cj_next_node_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	NodeState  *state;
	NodeRow    *row;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	state = PG_ARGISNULL(0) ? create_state(fcinfo, context) : (NodeState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(ARG_TIME) || PG_ARGISNULL(ARG_VALUE))
		PG_RETURN_POINTER(state);
	row = new_row(state);
	row->time = read_time(fcinfo);
	row->mask = !PG_ARGISNULL(ARG_BASE_CONDITION) && PG_GETARG_BOOL(ARG_BASE_CONDITION);
	for (int i = 0; i < state->chain; i++)
		if (!PG_ARGISNULL(ARG_CONDITIONS + i) && PG_GETARG_BOOL(ARG_CONDITIONS + i))
			row->mask |= UINT64CONST(2) << i;
	old = MemoryContextSwitchTo(context);
	row->value = state->len == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(ARG_VALUE))) :
		datumCopy(PG_GETARG_DATUM(ARG_VALUE), state->byval, state->len);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* ---- parts ---- */

/*
 * Between processes of one server: values go as bytes, and their type by its
 * number, which the processes share.
 */
Datum
cj_next_node_serialfn(PG_FUNCTION_ARGS)
{
	const NodeState *state = (const NodeState *) PG_GETARG_POINTER(0);
	StringInfoData to;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	pq_begintypsend(&to);
	pq_sendbyte(&to, state->forward);
	pq_sendbyte(&to, state->base);
	pq_sendbyte(&to, state->chain);
	pq_sendint32(&to, state->type);
	pq_sendint32(&to, state->collation);
	pq_sendint64(&to, state->count);
	for (int64 i = 0; i < state->count; i++)
	{
		const NodeRow *row = &state->rows[i];
		char	   *at;

		pq_sendint64(&to, row->time);
		pq_sendint64(&to, row->mask);
		enlargeStringInfo(&to, (int) datumEstimateSpace(row->value, false, state->byval, state->len));
		at = to.data + to.len;
		datumSerialize(row->value, false, state->byval, state->len, &at);
		to.len = (int) (at - to.data);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

Datum
cj_next_node_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	NodeState  *state = palloc0_object(NodeState);
	StringInfoData from;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	from.data = VARDATA_ANY(bytes);
	from.len = from.maxlen = VARSIZE_ANY_EXHDR(bytes);
	from.cursor = 0;
	state->forward = pq_getmsgbyte(&from) != 0;
	state->base = (Base) pq_getmsgbyte(&from);
	state->chain = pq_getmsgbyte(&from);
	state->type = (Oid) pq_getmsgint(&from, 4);
	state->collation = (Oid) pq_getmsgint(&from, 4);
	state->count = state->capacity = pq_getmsgint64(&from);
	state->rows = palloc_extended((state->capacity + 1) * sizeof(NodeRow), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < state->count; i++)
	{
		char	   *at;
		bool		isnull;

		state->rows[i].time = pq_getmsgint64(&from);
		state->rows[i].mask = (uint64) pq_getmsgint64(&from);
		at = from.data + from.cursor;
		state->rows[i].value = datumRestore(&at, &isnull);
		from.cursor = (int) (at - from.data);
		CHECK_FOR_INTERRUPTS();
	}
	know_type(state);
	PG_RETURN_POINTER(state);
}

Datum
cj_next_node_combinefn(PG_FUNCTION_ARGS)
{
	NodeState  *state = PG_ARGISNULL(0) ? NULL : (NodeState *) PG_GETARG_POINTER(0);
	const NodeState *other = PG_ARGISNULL(1) ? NULL : (const NodeState *) PG_GETARG_POINTER(1);
	MemoryContext context;
	MemoryContext old;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	old = MemoryContextSwitchTo(context);
	if (state == NULL)
	{
		state = palloc_object(NodeState);
		*state = *other;
		state->count = 0;
		state->capacity = Max(other->count, 16);
		state->rows = palloc_extended(state->capacity * sizeof(NodeRow), MCXT_ALLOC_HUGE);
	}
	for (int64 i = 0; i < other->count; i++)
	{
		NodeRow    *row = new_row(state);

		*row = other->rows[i];
		row->value = datumCopy(row->value, state->byval, state->len);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* ---- the answer ---- */

/* By time, then by value where the type has an order, then by conditions. */
static int
compare_rows(const void *a, const void *b, void *arg)
{
	const NodeRow *x = a;
	const NodeRow *y = b;
	const NodeState *state = arg;
	int			c;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (state->compare != NULL)
	{
		c = DatumGetInt32(FunctionCall2Coll(state->compare, state->collation, x->value, y->value));
		if (c != 0)
			return c;
	}
	return (x->mask > y->mask) - (x->mask < y->mask);
}

/* Where the row is that follows the chain from this anchor; -1 if it does not hold. */
static int64
follow(const NodeState *state, int64 anchor)
{
	int64		at = anchor;

	if (!(state->rows[anchor].mask & 1))
		return -1;
	for (int i = 0; i < state->chain; i++, at += state->forward ? 1 : -1)
		if (at < 0 || at >= state->count || !((state->rows[at].mask >> (i + 1)) & 1))
			return -1;
	return at < 0 || at >= state->count ? -1 : at;
}

/* next_node_finalfn(state, ...) */
Datum
cj_next_node_finalfn(PG_FUNCTION_ARGS)
{
	NodeState  *state = PG_ARGISNULL(0) ? NULL : (NodeState *) PG_GETARG_POINTER(0);
	int64		found = -1;

	if (state == NULL || state->count == 0)
		PG_RETURN_NULL();
	qsort_arg(state->rows, state->count, sizeof(NodeRow), compare_rows, state);
	if (state->base == BASE_HEAD)
		found = follow(state, 0);
	else if (state->base == BASE_TAIL)
		found = follow(state, state->count - 1);
	else
		/* every anchor is tried, the first or last one first */
		for (int64 i = 0; i < state->count && found < 0; i++)
		{
			found = follow(state, state->base == BASE_FIRST ? i : state->count - 1 - i);
			if ((i & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
		}
	if (found < 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(state->rows[found].value);
}
