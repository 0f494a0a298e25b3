/*-------------------------------------------------------------------------
 *
 * score_sql.c
 *		Scores, and what stands behind them.
 *
 * Every function exists for records and for float8[]; which it is, is seen
 * from the argument's declared type, which the names of the C functions carry.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_score_record);
PG_FUNCTION_INFO_V1(cj_score_array);
PG_FUNCTION_INFO_V1(cj_link_record);
PG_FUNCTION_INFO_V1(cj_link_array);
PG_FUNCTION_INFO_V1(cj_class_record);
PG_FUNCTION_INFO_V1(cj_class_array);
PG_FUNCTION_INFO_V1(cj_percentile_record);
PG_FUNCTION_INFO_V1(cj_percentile_array);
PG_FUNCTION_INFO_V1(cj_interval_record);
PG_FUNCTION_INFO_V1(cj_interval_array);
PG_FUNCTION_INFO_V1(cj_explain_record);
PG_FUNCTION_INFO_V1(cj_explain_array);

/*
 * Reads model and features, the first two arguments.  NULL if the result is
 * NULL.
 */
static CjScorer *
read_arguments(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer;

	if (PG_ARGISNULL(0))
		return NULL;
	scorer = cj_model_argument(fcinfo, 0);
	return cj_features_datum(scorer, PG_GETARG_DATUM(1), PG_ARGISNULL(1), is_array) ?
		scorer : NULL;
}

static Datum
score(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer = read_arguments(fcinfo, is_array);

	if (scorer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(cj_expit(cj_model_link(scorer->model, scorer->values)));
}

/*
 * propensity_score(propensity_model, record | float8[]) -> float8
 */
Datum
cj_score_record(PG_FUNCTION_ARGS)
{
	return score(fcinfo, false);
}

Datum
cj_score_array(PG_FUNCTION_ARGS)
{
	return score(fcinfo, true);
}

static Datum
link_of(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer = read_arguments(fcinfo, is_array);

	if (scorer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(cj_model_link(scorer->model, scorer->values));
}

/*
 * propensity_link(propensity_model, record | float8[]) -> float8
 */
Datum
cj_link_record(PG_FUNCTION_ARGS)
{
	return link_of(fcinfo, false);
}

Datum
cj_link_array(PG_FUNCTION_ARGS)
{
	return link_of(fcinfo, true);
}

/* A number from 0 to 1, or an error that names it. */
static double
share_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	double		value = PG_GETARG_FLOAT8(argument);

	if (!(value >= 0 && value <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be from 0 to 1, not %g", name, value)));
	return value;
}

static Datum
class_of(FunctionCallInfo fcinfo, bool is_array)
{
	double		threshold;
	CjScorer   *scorer;

	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	threshold = share_argument(fcinfo, 2, "threshold");
	scorer = read_arguments(fcinfo, is_array);
	if (scorer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(cj_expit(cj_model_link(scorer->model, scorer->values)) >= threshold);
}

/*
 * propensity_class(propensity_model, record | float8[], threshold) -> boolean
 */
Datum
cj_class_record(PG_FUNCTION_ARGS)
{
	return class_of(fcinfo, false);
}

Datum
cj_class_array(PG_FUNCTION_ARGS)
{
	return class_of(fcinfo, true);
}

static Datum
percentile(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer = read_arguments(fcinfo, is_array);
	double		share;

	if (scorer == NULL)
		PG_RETURN_NULL();
	share = cj_link_percentile(scorer->model, cj_model_link(scorer->model, scorer->values));
	if (isnan(share))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(share);
}

/*
 * propensity_percentile(propensity_model, record | float8[]) -> float8
 */
Datum
cj_percentile_record(PG_FUNCTION_ARGS)
{
	return percentile(fcinfo, false);
}

Datum
cj_percentile_array(PG_FUNCTION_ARGS)
{
	return percentile(fcinfo, true);
}

static Datum
interval(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	double		level;
	double		link;
	double		error;

	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	level = share_argument(fcinfo, 2, "level");
	scorer = read_arguments(fcinfo, is_array);
	if (scorer == NULL)
		PG_RETURN_NULL();
	link = cj_model_link(scorer->model, scorer->values);
	error = cj_link_error(scorer->model, scorer->values) *
		cj_normal_quantile((1 + level) / 2);
	nulls[0] = nulls[2] = isnan(error);
	values[0] = Float8GetDatum(cj_expit(link - error));
	values[1] = Float8GetDatum(cj_expit(link));
	values[2] = Float8GetDatum(cj_expit(link + error));
	desc = cj_result_tupdesc(fcinfo);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*
 * propensity_interval(propensity_model, record | float8[], level)
 * -> (low, score, high)
 */
Datum
cj_interval_record(PG_FUNCTION_ARGS)
{
	return interval(fcinfo, false);
}

Datum
cj_interval_array(PG_FUNCTION_ARGS)
{
	return interval(fcinfo, true);
}

/* ---- explanations ---- */

typedef struct Reason
{
	int			place;			/* feature or term */
	double		contribution;
} Reason;

/* The strongest first; equal ones in the model's order. */
static int
compare_reasons(const void *a, const void *b)
{
	const Reason *x = a;
	const Reason *y = b;
	double		xs = fabs(x->contribution);
	double		ys = fabs(y->contribution);

	if (xs != ys)
		return xs < ys ? 1 : -1;
	return x->place - y->place;
}

/* A feature's value as text, NULL if it is missing. */
static char *
value_text(const CjFeature *feature, double value)
{
	if (isnan(value))
		return NULL;
	if (feature->kind == CJ_BOOLEAN)
		return pstrdup(value != 0 ? "true" : "false");
	if (feature->kind != CJ_CATEGORY)
		return DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(value)));
	if (value == CJ_UNSEEN)
		return pstrdup("(not seen in training)");
	return pnstrdup(feature->levels[(int) value].data, feature->levels[(int) value].len);
}

static void
put_reason(ReturnSetInfo *rsinfo, int rank, const char *name, const char *value,
		   double contribution)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int32GetDatum(rank);
	nulls[0] = rank <= 0;
	values[1] = CStringGetTextDatum(name);
	nulls[2] = value == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(value);
	values[3] = Float8GetDatum(contribution);
	values[4] = Float8GetDatum(exp(contribution));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_reasons(ReturnSetInfo *rsinfo, CjScorer *scorer, bool by_term, int top)
{
	CjModel    *model = scorer->model;
	int			n = by_term ? model->nterms : model->nfeatures;
	int			first = by_term && model->intercept ? 1 : 0;
	double	   *contributions = palloc_array(double, Max(n, 1));
	Reason	   *reasons = palloc_array(Reason, Max(n, 1));
	double		baseline = cj_model_contributions(model, scorer->values, by_term, contributions);
	double		others = 0;
	int			count = 0;

	for (int i = first; i < n; i++)
	{
		reasons[count].place = i;
		reasons[count++].contribution = contributions[i];
	}
	qsort(reasons, count, sizeof(Reason), compare_reasons);
	for (int i = 0; i < count; i++)
	{
		int			place = reasons[i].place;
		int			f = by_term ? cj_term_feature(model, place) : place;
		CjFeature  *feature = &model->features[f];

		if (i >= top)
			others += reasons[i].contribution;
		else
			put_reason(rsinfo, i + 1,
					   by_term ? cj_term_name(model, place) :
					   pnstrdup(feature->name.data, feature->name.len),
					   value_text(feature, scorer->values[f]), reasons[i].contribution);
	}
	if (count > top)
		put_reason(rsinfo, 0, "(others)", NULL, others);
	put_reason(rsinfo, 0, "(baseline)", NULL, baseline);
}

static Datum
explain(FunctionCallInfo fcinfo, bool is_array)
{
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);
	CjScorer   *scorer = read_arguments(fcinfo, is_array);
	int			top = PG_ARGISNULL(2) ? PG_INT32_MAX : PG_GETARG_INT32(2);
	bool		by_term = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);

	if (top < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"top\" must not be negative")));
	if (scorer == NULL)
		return (Datum) 0;
	if (by_term && scorer->model->kind == CJ_TREES)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a model of trees has no terms"),
				 errhint("Leave out by_term.")));
	put_reasons(rsinfo, scorer, by_term, top);
	return (Datum) 0;
}

/*
 * propensity_explain(propensity_model, record | float8[], top, by_term)
 * -> setof (rank, feature, value, contribution, odds_factor)
 */
Datum
cj_explain_record(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, false);
}

Datum
cj_explain_array(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, true);
}
