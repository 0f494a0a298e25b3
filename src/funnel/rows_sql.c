/*-------------------------------------------------------------------------
 *
 * rows_sql.c
 *		Aggregates over rows with conditions: window_funnel, sequence_match and
 *		their kin.
 *
 * One transition function serves them all: what the arguments are is found out
 * once per call site and kept in fn_extra.  A row costs a loop over its
 * conditions and, if one holds, 16 bytes.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "funnel/funnel.h"

PG_FUNCTION_INFO_V1(cj_window_funnel_transfn);
PG_FUNCTION_INFO_V1(cj_sequence_transfn);
PG_FUNCTION_INFO_V1(cj_retention_transfn);
PG_FUNCTION_INFO_V1(cj_rows_combinefn);
PG_FUNCTION_INFO_V1(cj_rows_serialfn);
PG_FUNCTION_INFO_V1(cj_rows_deserialfn);
PG_FUNCTION_INFO_V1(cj_window_funnel_finalfn);
PG_FUNCTION_INFO_V1(cj_window_funnel_events_finalfn);
PG_FUNCTION_INFO_V1(cj_sequence_match_finalfn);
PG_FUNCTION_INFO_V1(cj_sequence_count_finalfn);
PG_FUNCTION_INFO_V1(cj_sequence_events_finalfn);
PG_FUNCTION_INFO_V1(cj_retention_finalfn);

/* What a call's arguments are. */
typedef struct CallSite
{
	Oid			time_type;		/* InvalidOid: no time */
	int			time_arg;
	int			first_condition;
	int			nconditions;	/* 0 for an array, whose length each row tells */
	bool		array;
} CallSite;

static void
check_condition(FunctionCallInfo fcinfo, int arg, Oid type, int number)
{
	if (type == BOOLOID || (type == UNKNOWNOID && PG_ARGISNULL(arg)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("condition %d must be boolean, not %s", number, format_type_be(type)),
			 errhint("The arguments are the window, the mode if there is one, the time, then the conditions; the mode comes before the time.")));
}

/* Finds out about the arguments from "time_arg" on; time_arg 0 means there is no time. */
static CallSite *
call_site(FunctionCallInfo fcinfo, int time_arg, int first_condition)
{
	CallSite   *site = fcinfo->flinfo->fn_extra;

	if (site != NULL)
		return site;
	site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
	site->time_arg = time_arg;
	if (time_arg > 0)
		site->time_type = get_fn_expr_argtype(fcinfo->flinfo, time_arg);
	site->first_condition = first_condition;
	site->array = get_fn_expr_variadic(fcinfo->flinfo);
	if (site->array)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first_condition);

		if (type != BOOLARRAYOID)
			check_condition(fcinfo, first_condition, type, 1);
	}
	else
	{
		site->nconditions = PG_NARGS() - first_condition;
		if (site->nconditions > CJ_MAX_CONDITIONS)
			ereport(ERROR,
					(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
					 errmsg("at most %d conditions are supported", CJ_MAX_CONDITIONS),
					 errhint("Collect the rows with journey_agg; journey_funnel takes up to %d steps, and a journey_pattern more.", CJ_FUNNEL_MAX_STEPS)));
		for (int i = 0; i < site->nconditions; i++)
			check_condition(fcinfo, first_condition + i,
							get_fn_expr_argtype(fcinfo->flinfo, first_condition + i), i + 1);
	}
	fcinfo->flinfo->fn_extra = site;
	return site;
}

/* The bits of the conditions that hold, NULL counting as false. */
static uint64
read_conditions(FunctionCallInfo fcinfo, const CallSite *site, int *nconditions)
{
	uint64		mask = 0;

	*nconditions = site->nconditions;
	if (likely(!site->array))
	{
		const NullableDatum *arg = &fcinfo->args[site->first_condition];

		for (int i = 0; i < site->nconditions; i++, arg++)
			mask |= (uint64) (!arg->isnull & DatumGetBool(arg->value)) << i;
		return mask;
	}
	if (!PG_ARGISNULL(site->first_condition))
	{
		ArrayType  *array = PG_GETARG_ARRAYTYPE_P(site->first_condition);
		Datum	   *values;
		bool	   *nulls;

		deconstruct_array(array, BOOLOID, 1, true, TYPALIGN_CHAR, &values, &nulls, nconditions);
		if (*nconditions > CJ_MAX_CONDITIONS)
			ereport(ERROR,
					(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
					 errmsg("at most %d conditions are supported", CJ_MAX_CONDITIONS),
					 errhint("Collect the rows with journey_agg; journey_funnel takes up to %d steps, and a journey_pattern more.", CJ_FUNNEL_MAX_STEPS)));
		for (int i = 0; i < *nconditions; i++)
			if (!nulls[i] && DatumGetBool(values[i]))
				mask |= UINT64CONST(1) << i;
		pfree(values);
		pfree(nulls);
	}
	return mask;
}

int64
cj_rows_date(int32 date)
{
	if (DATE_IS_NOBEGIN(date))
		return DT_NOBEGIN;
	return DATE_IS_NOEND(date) ? DT_NOEND : (int64) date * USECS_PER_DAY;
}

/* Microseconds for times, the number itself for numbers. */
static int64
read_time(FunctionCallInfo fcinfo, const CallSite *site)
{
	if (site->time_type == DATEOID)
		return cj_rows_date(PG_GETARG_DATEADT(site->time_arg));
	/* timestamp and timestamptz are microseconds already */
	return PG_GETARG_INT64(site->time_arg);
}

/* ---- transition ---- */

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	return context;
}

static Datum
unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

void
cj_rows_begin_window(CjRows *rows, Oid type, NullableDatum within, NullableDatum mode)
{
	if (!mode.isnull)
	{
		text	   *words = DatumGetTextPP(mode.value);

		rows->mode = cj_mode_parse(VARDATA_ANY(words), VARSIZE_ANY_EXHDR(words));
	}
	if (within.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the window must not be NULL")));
	rows->window = type == INTERVALOID ?
		cj_interval_usec_positive(DatumGetIntervalP(within.value), "within") :
		DatumGetInt64(within.value);
	if (rows->window < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not be negative", "within")));
}

/* window_funnel_transfn(state, within interval|bigint, [mode text,] time, conditions) */
Datum
cj_window_funnel_transfn(PG_FUNCTION_ARGS)
{
	CallSite   *site = fcinfo->flinfo->fn_extra;
	CjRows	   *rows = PG_ARGISNULL(0) ? NULL : (CjRows *) PG_GETARG_POINTER(0);
	uint64		mask;
	int			nconditions;

	if (site == NULL)
	{
		bool		mode = get_fn_expr_argtype(fcinfo->flinfo, 2) == TEXTOID;

		site = call_site(fcinfo, mode ? 3 : 2, mode ? 4 : 3);
	}
	if (rows == NULL)
	{
		NullableDatum none = {0, true};

		rows = cj_rows_create(aggregate_context(fcinfo));
		cj_rows_begin_window(rows, get_fn_expr_argtype(fcinfo->flinfo, 1), fcinfo->args[1],
							 site->time_arg == 3 ? fcinfo->args[2] : none);
	}
	if (!PG_ARGISNULL(site->time_arg))
	{
		mask = read_conditions(fcinfo, site, &nconditions);
		rows->nconditions = Max(rows->nconditions, nconditions);
		/* only strict_order looks at rows that satisfy nothing */
		if (mask != 0 || (rows->mode & CJ_MODE_ORDER))
			cj_rows_add(rows, read_time(fcinfo, site), mask);
	}
	PG_RETURN_POINTER(rows);
}

void
cj_rows_begin_sequence(CjRows *rows, MemoryContext context, Oid time_type,
					   NullableDatum sequence, int nconditions)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	if (sequence.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the sequence must not be NULL")));
	rows->text = text_to_cstring(DatumGetTextPP(sequence.value));
	MemoryContextSwitchTo(old);
	/* gates are in seconds of times, in the unit of numbers */
	rows->window = time_type == INT8OID ? 1 : USECS_PER_SEC;
	rows->nconditions = nconditions;
	/* a wrong sequence is an error whatever the rows are */
	cj_sequence_parse(rows->text, nconditions, rows->window);
}

/* sequence_transfn(state, pattern text, time, conditions) */
Datum
cj_sequence_transfn(PG_FUNCTION_ARGS)
{
	CallSite   *site = call_site(fcinfo, 2, 3);
	CjRows	   *rows = PG_ARGISNULL(0) ? NULL : (CjRows *) PG_GETARG_POINTER(0);
	uint64		mask;
	int			nconditions;

	if (rows == NULL)
	{
		MemoryContext context = aggregate_context(fcinfo);

		rows = cj_rows_create(context);
		read_conditions(fcinfo, site, &nconditions);
		cj_rows_begin_sequence(rows, context, site->time_type, fcinfo->args[1], nconditions);
	}
	if (!PG_ARGISNULL(site->time_arg))
	{
		mask = read_conditions(fcinfo, site, &nconditions);
		rows->nconditions = Max(rows->nconditions, nconditions);
		if (mask != 0)
			cj_rows_add(rows, read_time(fcinfo, site), mask);
	}
	PG_RETURN_POINTER(rows);
}

/* retention_transfn(state, conditions): the bits that ever held together with none kept apart */
Datum
cj_retention_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	CallSite   *site = call_site(fcinfo, 0, 1);
	CjRows	   *rows = PG_ARGISNULL(0) ? NULL : (CjRows *) PG_GETARG_POINTER(0);
	int			nconditions;
	uint64		mask = read_conditions(fcinfo, site, &nconditions);

	if (rows == NULL)
	{
		rows = MemoryContextAllocZero(context, sizeof(CjRows));
		rows->sorted = true;
	}
	rows->nconditions = Max(rows->nconditions, nconditions);
	/* one row's worth of bits is all that matters */
	rows->window |= (int64) mask;
	PG_RETURN_POINTER(rows);
}

/* ---- combining ---- */

Datum
cj_rows_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	CjRows	   *rows = PG_ARGISNULL(0) ? NULL : (CjRows *) PG_GETARG_POINTER(0);
	CjRows	   *more = PG_ARGISNULL(1) ? NULL : (CjRows *) PG_GETARG_POINTER(1);

	if (more == NULL)
		return unchanged(fcinfo);
	/* mostly there is one state a group */
	if (rows == NULL)
		PG_RETURN_POINTER(cj_rows_copy(context, more));
	if (rows->rows == NULL)
		rows->window |= more->window;
	else
		cj_rows_append(rows, more);
	rows->nconditions = Max(rows->nconditions, more->nconditions);
	PG_RETURN_POINTER(rows);
}

Datum
cj_rows_serialfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = (CjRows *) PG_GETARG_POINTER(0);
	CjRow	   *place;
	CjRowsSerial *serial = cj_rows_serial_begin(CurrentMemoryContext, rows, rows->count, &place);

	if (rows->count > 0)
		memcpy(place, rows->rows, rows->count * sizeof(CjRow));
	PG_RETURN_BYTEA_P(cj_rows_serial_end(serial, place, rows->window, rows->count));
}

Datum
cj_rows_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *serial = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_POINTER(cj_rows_deserialize(VARDATA_ANY(serial), VARSIZE_ANY_EXHDR(serial)));
}

/* ---- results ---- */

static CjRows *
final_rows(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) ? NULL : (CjRows *) PG_GETARG_POINTER(0);
}

/* An array of the same type as the times that went in: the final function's result type. */
static Datum
times_array(FunctionCallInfo fcinfo, const int64 *times, int count)
{
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);
	Oid			element = type == TIMESTAMPARRAYOID ? TIMESTAMPOID :
		type == DATEARRAYOID ? DATEOID : type == INT8ARRAYOID ? INT8OID : TIMESTAMPTZOID;
	Datum	   *values = palloc_array(Datum, Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		if (element != DATEOID)
			values[i] = Int64GetDatum(times[i]);
		else if (TIMESTAMP_NOT_FINITE(times[i]))
			values[i] = DateADTGetDatum(TIMESTAMP_IS_NOEND(times[i]) ? DATEVAL_NOEND : DATEVAL_NOBEGIN);
		else
			values[i] = DateADTGetDatum((DateADT) (times[i] / USECS_PER_DAY));
	}
	return PointerGetDatum(construct_array(values, count, element,
										   element == DATEOID ? 4 : 8,
										   element == DATEOID ? true : FLOAT8PASSBYVAL,
										   element == DATEOID ? TYPALIGN_INT : TYPALIGN_DOUBLE));
}

Datum
cj_window_funnel_finalfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = final_rows(fcinfo);

	if (rows == NULL)
		PG_RETURN_INT32(0);
	cj_rows_sort(rows);
	PG_RETURN_INT32(cj_window_level(rows, NULL));
}

Datum
cj_window_funnel_events_finalfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = final_rows(fcinfo);
	int64		times[CJ_MAX_CONDITIONS];
	int			level = 0;

	if (rows != NULL)
	{
		cj_rows_sort(rows);
		level = cj_window_level(rows, times);
	}
	return times_array(fcinfo, times, level);
}

static CjSequence *
final_sequence(const CjRows *rows)
{
	if (rows->text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("the state of the aggregate has no sequence")));
	return cj_sequence_parse(rows->text, rows->nconditions, rows->window);
}

Datum
cj_sequence_match_finalfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = final_rows(fcinfo);

	PG_RETURN_BOOL(rows != NULL && cj_sequence_match(final_sequence(rows), rows));
}

Datum
cj_sequence_count_finalfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = final_rows(fcinfo);

	PG_RETURN_INT64(rows == NULL ? 0 :
					cj_sequence_count(final_sequence(rows), rows));
}

Datum
cj_sequence_events_finalfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = final_rows(fcinfo);
	CjSequence *sequence;
	int64	   *times;

	if (rows == NULL)
		return times_array(fcinfo, NULL, 0);
	sequence = final_sequence(rows);
	times = palloc_array(int64, Max(sequence->nconditions, 1));
	return times_array(fcinfo, times, cj_sequence_events(sequence, rows, times));
}

/* The extra arguments tell the number of conditions when there were no rows. */
Datum
cj_retention_finalfn(PG_FUNCTION_ARGS)
{
	CjRows	   *rows = final_rows(fcinfo);
	int			count = rows != NULL ? rows->nconditions :
		get_fn_expr_variadic(fcinfo->flinfo) ? 0 : PG_NARGS() - 1;
	uint64		mask = rows == NULL ? 0 : (uint64) rows->window;
	Datum	   *values = palloc_array(Datum, Max(count, 1));

	for (int i = 0; i < count; i++)
		values[i] = BoolGetDatum((mask & 1) && ((mask >> i) & 1));
	PG_RETURN_DATUM(PointerGetDatum(construct_array(values, count, BOOLOID, 1, true, TYPALIGN_CHAR)));
}
