/*-------------------------------------------------------------------------
 *
 * evaluate_sql.c
 *		Aggregates over outcomes and scores.
 *
 * They share one transition function and one state, the type
 * propensity_sample with one column, so that several of them over the same
 * arguments collect the rows once.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "funcapi.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"

#include "propensity/evaluate.h"
#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_scores_transition);
PG_FUNCTION_INFO_V1(cj_scores_transition_bins);
PG_FUNCTION_INFO_V1(cj_scores_transition_method);
PG_FUNCTION_INFO_V1(cj_scores_transition_threshold);
PG_FUNCTION_INFO_V1(cj_scores_transition_profit);
PG_FUNCTION_INFO_V1(cj_metrics_final);
PG_FUNCTION_INFO_V1(cj_gains_final);
PG_FUNCTION_INFO_V1(cj_reliability_final);
PG_FUNCTION_INFO_V1(cj_roc_final);
PG_FUNCTION_INFO_V1(cj_confusion_final);
PG_FUNCTION_INFO_V1(cj_profit_final);

/* Arguments beyond outcome and score, which the state keeps. */
typedef struct EvaluateOptions
{
	uint64		number;			/* of bins, points */
	uint64		quantile;
	double		a;
	double		b;
} EvaluateOptions;

/* The same bytes on every machine. */
static void
swap_options(EvaluateOptions *options)
{
	uint64	   *words = (uint64 *) options;

	for (int i = 0; i < (int) (sizeof(*options) / sizeof(uint64)); i++)
		words[i] = pg_hton64(words[i]);
}

static EvaluateOptions
options_of(const CjSample *sample, int number)
{
	EvaluateOptions options = {0};

	if (sample->options_size == 0)
		options.number = number;
	else if (sample->options_size == sizeof(options))
	{
		memcpy(&options, cj_sample_options(sample), sizeof(options));
		swap_options(&options);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the sample was not collected for this evaluation")));
	return options;
}

/* Adds the row of outcome and score to the state, whose options must be these. */
static Datum
collect(FunctionCallInfo fcinfo, EvaluateOptions *options)
{
	CjSample   *sample = PG_ARGISNULL(0) ? NULL : (CjSample *) PG_GETARG_POINTER(0);
	Size		size = options == NULL ? 0 : sizeof(*options);
	double		score;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("transition function called outside an aggregate")));
	if (options != NULL)
		swap_options(options);
	if (sample == NULL)
		sample = cj_sample_create(CJ_FOR_SCORES, 1, false, options, size);
	else if (size > 0 && memcmp(cj_sample_options(sample), options, size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments other than outcome and score must not change within one aggregation"),
				 errhint("Use a constant, or GROUP BY what they depend on.")));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		sample->skipped++;
		PG_RETURN_POINTER(sample);
	}
	score = PG_GETARG_FLOAT8(2);
	if (!isfinite(score))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a score is %s", isnan(score) ? "NaN" : "infinite")));
	sample = cj_sample_reserve(sample, 1);
	cj_sample_add(sample, PG_GETARG_BOOL(1), 1, &score);
	PG_RETURN_POINTER(sample);
}

/*
 * (propensity_sample, outcome, score) -> propensity_sample
 */
Datum
cj_scores_transition(PG_FUNCTION_ARGS)
{
	return collect(fcinfo, NULL);
}

static uint64
bins_argument(FunctionCallInfo fcinfo, int argument)
{
	int			bins = PG_ARGISNULL(argument) ? 10 : PG_GETARG_INT32(argument);

	if (bins < 1 || bins > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of rows wanted must be from 1 to 10000, not %d", bins)));
	return bins;
}

Datum
cj_scores_transition_bins(PG_FUNCTION_ARGS)
{
	EvaluateOptions options = {.number = bins_argument(fcinfo, 3)};

	return collect(fcinfo, &options);
}

Datum
cj_scores_transition_method(PG_FUNCTION_ARGS)
{
	EvaluateOptions options = {.number = bins_argument(fcinfo, 3)};

	if (!PG_ARGISNULL(4))
	{
		char	   *method = text_to_cstring(PG_GETARG_TEXT_PP(4));

		options.quantile = strcmp(method, "quantile") == 0;
		if (!options.quantile && strcmp(method, "width") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("bins cannot be made by \"%s\"", method),
					 errhint("It is \"width\" (bins of equal width) or \"quantile\" (bins of equal size).")));
	}
	return collect(fcinfo, &options);
}

Datum
cj_scores_transition_threshold(PG_FUNCTION_ARGS)
{
	EvaluateOptions options = {.a = PG_ARGISNULL(3) ? 0.5 : PG_GETARG_FLOAT8(3)};

	if (isnan(options.a))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the threshold is NaN")));
	return collect(fcinfo, &options);
}

Datum
cj_scores_transition_profit(PG_FUNCTION_ARGS)
{
	EvaluateOptions options = {.number = 100};

	if (PG_ARGISNULL(3) || PG_ARGISNULL(4) ||
		!isfinite(PG_GETARG_FLOAT8(3)) || !isfinite(PG_GETARG_FLOAT8(4)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("benefit and cost must be numbers")));
	options.a = PG_GETARG_FLOAT8(3);
	options.b = PG_GETARG_FLOAT8(4);
	return collect(fcinfo, &options);
}

/* The state of a final function, or NULL if there were no rows. */
CjSample *
cj_sample_argument(FunctionCallInfo fcinfo, int argument)
{
	CjSample   *sample;

	if (PG_ARGISNULL(argument))
		return NULL;
	sample = (CjSample *) PG_GETARG_VARLENA_P(argument);
	if (sample->purpose != CJ_FOR_SCORES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the sample holds features, not scores")));
	return sample->nrows == 0 ? NULL : sample;
}

/* Puts a number into a row; NaN becomes NULL. */
static void
put(Datum *values, bool *nulls, int *column, double number)
{
	nulls[*column] = isnan(number);
	values[(*column)++] = Float8GetDatum(number);
}

static void
put_count(Datum *values, bool *nulls, int *column, int64 number)
{
	nulls[*column] = false;
	values[(*column)++] = Int64GetDatum(number);
}

/*
 * propensity_metrics
 */
Datum
cj_metrics_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	CjMetrics	m;
	Datum		values[20];
	bool		nulls[20];
	int			c = 0;

	if (sample == NULL)
		PG_RETURN_NULL();
	cj_metrics(cj_ranking(sample), &m);
	put_count(values, nulls, &c, m.rows);
	put_count(values, nulls, &c, m.positives);
	put(values, nulls, &c, (double) m.positives / m.rows);
	put(values, nulls, &c, m.auc);
	put(values, nulls, &c, m.auc_se);
	put(values, nulls, &c, m.gini);
	put(values, nulls, &c, m.ks);
	put(values, nulls, &c, m.ks_score);
	put(values, nulls, &c, m.pr_auc);
	put(values, nulls, &c, m.log_loss);
	put(values, nulls, &c, m.brier);
	put(values, nulls, &c, m.brier_skill);
	put(values, nulls, &c, m.ece);
	put(values, nulls, &c, m.slope);
	put(values, nulls, &c, m.intercept);
	put(values, nulls, &c, m.hl_chi2);
	nulls[c] = isnan(m.hl_chi2);
	values[c++] = Int32GetDatum(m.hl_df);
	put(values, nulls, &c, m.hl_p);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(cj_result_tupdesc(fcinfo), values, nulls)));
}

/*
 * gains_table
 */
Datum
cj_gains_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	TupleDesc	desc;
	HeapTuple  *rows;
	CjRanking  *ranking;
	CjGain	   *gains;
	int			bins;
	int			count = 0;
	int64		above = 0;
	double		found = 0;
	double		rate;

	if (sample == NULL)
		PG_RETURN_NULL();
	bins = (int) options_of(sample, 10).number;
	ranking = cj_ranking(sample);
	gains = cj_gains(ranking, bins);
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, bins);
	rate = (double) ranking->npositive / sample->nrows;
	for (int bin = 0; bin < bins && gains[bin].rows > 0; bin++)
	{
		Datum		values[12];
		bool		nulls[12];
		int			c = 0;

		above += gains[bin].rows;
		found += gains[bin].positives;
		nulls[c] = false;
		values[c++] = Int32GetDatum(bin + 1);
		put_count(values, nulls, &c, gains[bin].rows);
		put(values, nulls, &c, gains[bin].positives);
		put(values, nulls, &c, gains[bin].low);
		put(values, nulls, &c, gains[bin].high);
		put(values, nulls, &c, gains[bin].positives / gains[bin].rows);
		put(values, nulls, &c, rate > 0 ? gains[bin].positives / gains[bin].rows / rate : NAN);
		put_count(values, nulls, &c, above);
		put(values, nulls, &c, found);
		put(values, nulls, &c, rate > 0 ? found / ranking->npositive : NAN);
		put(values, nulls, &c, found / above);
		put(values, nulls, &c, rate > 0 ? found / above / rate : NAN);
		rows[count++] = heap_form_tuple(desc, values, nulls);
	}
	return cj_composite_array(desc, rows, count);
}

/*
 * calibration_table
 */
Datum
cj_reliability_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	TupleDesc	desc;
	HeapTuple  *tuples;
	EvaluateOptions options;
	CjRanking  *ranking;
	CjReliability *table;
	int			count;
	const double z = 1.959963984540054;

	if (sample == NULL)
		PG_RETURN_NULL();
	options = options_of(sample, 10);
	ranking = cj_ranking(sample);
	if (!ranking->probabilities)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a calibration table needs scores from 0 to 1")));
	table = cj_reliability(ranking, (int) options.number, options.quantile != 0, &count);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_array(HeapTuple, Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		CjReliability *row = &table[i];
		Datum		values[9];
		bool		nulls[9];
		double		n = row->rows;
		double		share = row->positives / n;
		double		center = (share + z * z / (2 * n)) / (1 + z * z / n);
		double		half = z / (1 + z * z / n) *
			sqrt(share * (1 - share) / n + z * z / (4 * n * n));
		int			c = 0;

		nulls[c] = false;
		values[c++] = Int32GetDatum(row->bin);
		put(values, nulls, &c, row->low);
		put(values, nulls, &c, row->high);
		put_count(values, nulls, &c, row->rows);
		put_count(values, nulls, &c, row->positives);
		put(values, nulls, &c, row->score_sum / n);
		put(values, nulls, &c, share);
		put(values, nulls, &c, row->positives == 0 ? 0 : center - half);
		put(values, nulls, &c, row->positives == row->rows ? 1 : center + half);
		tuples[i] = heap_form_tuple(desc, values, nulls);
	}
	return cj_composite_array(desc, tuples, count);
}

/* The four counts of a threshold, then rates that follow from them. */
static HeapTuple
roc_row(TupleDesc desc, const CjRanking *ranking, double threshold, int64 tp, int64 fp)
{
	Datum		values[8];
	bool		nulls[8];
	double		m = ranking->npositive;
	double		n = ranking->nnegative;
	int			c = 0;

	put(values, nulls, &c, threshold);
	put_count(values, nulls, &c, tp);
	put_count(values, nulls, &c, fp);
	put_count(values, nulls, &c, ranking->nnegative - fp);
	put_count(values, nulls, &c, ranking->npositive - tp);
	put(values, nulls, &c, m > 0 ? tp / m : NAN);
	put(values, nulls, &c, n > 0 ? fp / n : NAN);
	put(values, nulls, &c, tp + fp > 0 ? (double) tp / (tp + fp) : NAN);
	return heap_form_tuple(desc, values, nulls);
}

/*
 * roc_curve
 */
Datum
cj_roc_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	TupleDesc	desc;
	HeapTuple  *rows;
	CjRanking  *ranking;
	CjTie	   *ties;
	int			count;

	if (sample == NULL)
		PG_RETURN_NULL();
	ranking = cj_ranking(sample);
	ties = cj_thresholds(ranking, (int) options_of(sample, 1000).number, &count);
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, count + 1);
	rows[0] = roc_row(desc, ranking, INFINITY, 0, 0);
	for (int i = 0; i < count; i++)
		rows[i + 1] = roc_row(desc, ranking, ties[i].score,
							  ties[i].positives_before + ties[i].positives,
							  ties[i].negatives_before + ties[i].negatives);
	return cj_composite_array(desc, rows, count + 1);
}

/*
 * confusion_matrix
 */
Datum
cj_confusion_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	CjRanking  *ranking;
	Datum		values[12];
	bool		nulls[12];
	double		threshold;
	double		tp;
	double		fp;
	double		tn;
	double		fn;
	double		product;
	int64		positives;
	int64		negatives;
	int			c = 0;

	if (sample == NULL)
		PG_RETURN_NULL();
	threshold = options_of(sample, 0).a;
	ranking = cj_ranking(sample);
	cj_above(ranking, threshold, &positives, &negatives);
	tp = positives;
	fp = negatives;
	tn = ranking->nnegative - negatives;
	fn = ranking->npositive - positives;
	put(values, nulls, &c, threshold);
	put_count(values, nulls, &c, positives);
	put_count(values, nulls, &c, negatives);
	put_count(values, nulls, &c, ranking->nnegative - negatives);
	put_count(values, nulls, &c, ranking->npositive - positives);
	put(values, nulls, &c, (tp + tn) / sample->nrows);
	put(values, nulls, &c, tp + fp > 0 ? tp / (tp + fp) : NAN);
	put(values, nulls, &c, tp + fn > 0 ? tp / (tp + fn) : NAN);
	put(values, nulls, &c, tn + fp > 0 ? tn / (tn + fp) : NAN);
	put(values, nulls, &c, 2 * tp + fp + fn > 0 ? 2 * tp / (2 * tp + fp + fn) : NAN);
	product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn);
	put(values, nulls, &c, product > 0 ? (tp * tn - fp * fn) / sqrt(product) : NAN);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(cj_result_tupdesc(fcinfo), values, nulls)));
}

/*
 * profit_curve
 */
Datum
cj_profit_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	EvaluateOptions options;
	TupleDesc	desc;
	HeapTuple  *rows;
	CjGain	   *gains;
	double	   *profit;
	int			count;
	int			best = -1;
	int64		above = 0;
	double		found = 0;

	if (sample == NULL)
		PG_RETURN_NULL();
	options = options_of(sample, 100);
	count = (int) Min((int64) options.number, sample->nrows);
	gains = cj_gains(cj_ranking(sample), count);
	profit = palloc_array(double, count);
	for (int i = 0; i < count; i++)
	{
		above += gains[i].rows;
		found += gains[i].positives;
		profit[i] = options.a * found - options.b * above;
		if (profit[i] > 0 && (best < 0 || profit[i] > profit[best]))
			best = i;
	}
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, count);
	above = 0;
	found = 0;
	for (int i = 0; i < count; i++)
	{
		Datum		values[6];
		bool		nulls[6];
		int			c = 0;

		above += gains[i].rows;
		found += gains[i].positives;
		put(values, nulls, &c, (double) above / sample->nrows);
		put_count(values, nulls, &c, above);
		put(values, nulls, &c, gains[i].low);
		put(values, nulls, &c, found);
		put(values, nulls, &c, profit[i]);
		nulls[c] = false;
		values[c++] = BoolGetDatum(i == best);
		rows[i] = heap_form_tuple(desc, values, nulls);
	}
	return cj_composite_array(desc, rows, count);
}
