/*-------------------------------------------------------------------------
 *
 * inspect_sql.c
 *		What a model says of itself: coefficients, features, summary.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "compat.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "propensity/glue.h"
#include "propensity/matrix.h"

PG_FUNCTION_INFO_V1(cj_coefficients);
PG_FUNCTION_INFO_V1(cj_covariances);
PG_FUNCTION_INFO_V1(cj_features);
PG_FUNCTION_INFO_V1(cj_summary);

static Datum
text_datum(CjText t)
{
	return PointerGetDatum(cstring_to_text_with_len(t.data, t.len));
}

static double
level_argument(FunctionCallInfo fcinfo, int argument)
{
	double		level = PG_GETARG_FLOAT8(argument);

	if (!(level > 0 && level < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"level\" must be between 0 and 1, not %g", level)));
	return level;
}

/* The columns of propensity_coefficients. */
enum
{
	TERM, FEATURE, LEVEL, ESTIMATE, STD_ERROR, Z, P, ODDS_RATIO, ODDS_LOW, ODDS_HIGH,
	STANDARDIZED, PROFILE_LOW, PROFILE_HIGH, COEFFICIENT_COLUMNS
};

static void
put_coefficient(ReturnSetInfo *rsinfo, const CjModel *model, int term, double confidence)
{
	Datum		values[COEFFICIENT_COLUMNS];
	bool		nulls[COEFFICIENT_COLUMNS] = {false};
	int			f = cj_term_feature(model, term);
	CjText		level = cj_term_level(model, term);
	double		estimate = model->coef[term];
	double		error = model->covariance == NULL ? NAN : sqrt(cj_covariance(model, term, term));
	double		z = estimate / error;
	double		quantile = cj_normal_quantile((1 + confidence) / 2);
	bool		has_profile = model->profile != NULL && model->report.profile == confidence;

	values[TERM] = CStringGetTextDatum(cj_term_name(model, term));
	nulls[FEATURE] = f < 0;
	values[FEATURE] = f < 0 ? (Datum) 0 : text_datum(model->features[f].name);
	nulls[LEVEL] = level.data == NULL;
	values[LEVEL] = level.data == NULL ? (Datum) 0 : text_datum(level);
	values[ESTIMATE] = Float8GetDatum(estimate);
	values[STD_ERROR] = Float8GetDatum(error);
	values[Z] = Float8GetDatum(z);
	values[P] = Float8GetDatum(cj_normal_p(z));
	values[ODDS_RATIO] = Float8GetDatum(exp(estimate));
	values[ODDS_LOW] = Float8GetDatum(exp(estimate - quantile * error));
	values[ODDS_HIGH] = Float8GetDatum(exp(estimate + quantile * error));
	values[STANDARDIZED] = Float8GetDatum(estimate * model->spread[term]);
	values[PROFILE_LOW] = Float8GetDatum(has_profile ? model->profile[2 * term] : NAN);
	values[PROFILE_HIGH] = Float8GetDatum(has_profile ? model->profile[2 * term + 1] : NAN);
	for (int i = ESTIMATE; i < COEFFICIENT_COLUMNS; i++)
		nulls[i] = model->aliased[term];
	nulls[STANDARDIZED] = nulls[STANDARDIZED] || f < 0;
	for (int i = PROFILE_LOW; i <= PROFILE_HIGH; i++)
		nulls[i] = nulls[i] || isnan(DatumGetFloat8(values[i]));
	if (isnan(error))
		nulls[STD_ERROR] = nulls[Z] = nulls[P] = nulls[ODDS_LOW] = nulls[ODDS_HIGH] = true;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * propensity_coefficients(propensity_model, level) -> setof record
 */
Datum
cj_coefficients(PG_FUNCTION_ARGS)
{
	double		level = level_argument(fcinfo, 1);
	CjModel    *model = cj_model_argument(fcinfo, 0)->model;
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);

	for (int t = 0; t < model->nterms; t++)
		put_coefficient(rsinfo, model, t, level);
	return (Datum) 0;
}

/*
 * propensity_covariance(propensity_model) -> setof (term, other, covariance)
 */
Datum
cj_covariances(PG_FUNCTION_ARGS)
{
	CjModel    *model = cj_model_argument(fcinfo, 0)->model;
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);

	for (int i = 0; model->covariance != NULL && i < model->nterms; i++)
		for (int j = 0; j < model->nterms; j++)
		{
			Datum		values[3];
			bool		nulls[3] = {false, false, model->aliased[i] || model->aliased[j]};

			values[0] = CStringGetTextDatum(cj_term_name(model, i));
			values[1] = CStringGetTextDatum(cj_term_name(model, j));
			values[2] = Float8GetDatum(cj_covariance(model, i, j));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	return (Datum) 0;
}

/* Wald's test of all of a feature's terms together; NaN without errors. */
static double
wald(const CjModel *model, const CjFeature *feature, int *df)
{
	int		   *term = palloc_array(int, Max(feature->nterms, 1));
	double	   *v;
	double	   *b;
	double	   *solved;
	double		chi2 = 0;
	int			n = 0;

	for (int t = feature->first_term; t < feature->first_term + feature->nterms; t++)
		if (!model->aliased[t])
			term[n++] = t;
	*df = n;
	if (model->covariance == NULL || n == 0)
		return NAN;
	v = palloc_array(double, (Size) n * n);
	b = palloc_array(double, n);
	solved = palloc_array(double, n);
	for (int i = 0; i < n; i++)
	{
		b[i] = solved[i] = model->coef[term[i]];
		for (int j = 0; j < n; j++)
			v[(Size) i * n + j] = cj_covariance(model, term[i], term[j]);
	}
	if (!cj_cholesky(v, n))
		return NAN;
	cj_cholesky_solve(v, n, solved);
	for (int i = 0; i < n; i++)
		chi2 += b[i] * solved[i];
	return chi2;
}

/* The columns of propensity_features. */
enum
{
	F_NAME, F_TYPE, F_TERMS, F_ROWS, F_MISSING, F_MEAN, F_SD, F_LEVELS, F_REFERENCE,
	F_WALD, F_DF, F_P, FEATURE_COLUMNS
};

static void
put_feature(ReturnSetInfo *rsinfo, const CjModel *model, const CjFeature *feature)
{
	Datum		values[FEATURE_COLUMNS] = {0};
	bool		nulls[FEATURE_COLUMNS] = {false};
	int			df;
	double		chi2 = wald(model, feature, &df);
	double		rows = 0;

	for (int bin = 0; bin <= feature->nbins && feature->nbins > 0; bin++)
		rows += feature->counts[bin];
	values[F_NAME] = text_datum(feature->name);
	values[F_TYPE] = CStringGetTextDatum(feature->kind == CJ_CATEGORY ? "category" :
										 feature->kind == CJ_BOOLEAN ? "boolean" : "number");
	values[F_TERMS] = Int32GetDatum(feature->nterms);
	nulls[F_ROWS] = nulls[F_MISSING] = feature->nbins == 0;
	if (feature->nbins > 0)
	{
		values[F_ROWS] = Int64GetDatum((int64) rows);
		values[F_MISSING] = Int64GetDatum((int64) feature->counts[feature->nbins]);
	}
	values[F_MEAN] = Float8GetDatum(feature->mean);
	values[F_SD] = Float8GetDatum(feature->sd);
	nulls[F_MEAN] = nulls[F_SD] = isnan(feature->mean);
	nulls[F_LEVELS] = feature->kind != CJ_CATEGORY;
	if (feature->kind == CJ_CATEGORY)
	{
		Datum	   *levels = palloc_array(Datum, Max(feature->nlevels, 1));

		for (int i = 0; i < feature->nlevels; i++)
			levels[i] = text_datum(feature->levels[i]);
		values[F_LEVELS] = PointerGetDatum(construct_array(levels, feature->nlevels, TEXTOID,
														   -1, false, TYPALIGN_INT));
	}
	nulls[F_REFERENCE] = feature->nlevels == 0;
	if (feature->nlevels > 0)
		values[F_REFERENCE] = text_datum(feature->levels[feature->reference]);
	values[F_WALD] = Float8GetDatum(chi2);
	values[F_DF] = Int32GetDatum(df);
	values[F_P] = Float8GetDatum(cj_chi2_p(chi2, df));
	nulls[F_WALD] = nulls[F_DF] = nulls[F_P] = isnan(chi2);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * propensity_features(propensity_model) -> setof record
 */
Datum
cj_features(PG_FUNCTION_ARGS)
{
	CjModel    *model = cj_model_argument(fcinfo, 0)->model;
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);

	for (int f = 0; f < model->nfeatures; f++)
		put_feature(rsinfo, model, &model->features[f]);
	return (Datum) 0;
}

/* ---- summary ---- */

static void
add_number(StringInfo to, const char *name, double value)
{
	appendStringInfo(to, ", \"%s\": ", name);
	if (isfinite(value))
		appendStringInfoString(to, DatumGetCString(DirectFunctionCall1(float8out,
																	   Float8GetDatum(value))));
	else
		appendStringInfoString(to, "null");
}

static void
add_warnings(StringInfo to, const CjModel *model)
{
	const CjFitReport *report = &model->report;
	const char *separator = "";

	appendStringInfoString(to, ", \"warnings\": [");
	if (report->one_class)
	{
		appendStringInfo(to, "\"all outcomes are %s: the model knows only the base rate\"",
						 report->positives > 0 ? "true" : "false");
		separator = ", ";
	}
	if (report->separation != CJ_SEPARATION_NONE)
	{
		appendStringInfo(to, "\"the features split the outcomes%s: use firth or a penalty\"",
						 report->separation == CJ_SEPARATION_COMPLETE ? " completely" : "");
		separator = ", ";
	}
	else if (!report->converged && !report->one_class)
	{
		appendStringInfo(to, "\"the fit did not converge in %d iterations\"",
						 report->iterations);
		separator = ", ";
	}
	if (!report->one_class && report->rank < model->nterms)
		appendStringInfo(to, "%s\"%d terms are constant or combinations of others\"",
						 separator, model->nterms - report->rank);
	appendStringInfoChar(to, ']');
}

static void
add_aliased(StringInfo to, const CjModel *model)
{
	bool		first = true;

	appendStringInfoString(to, ", \"aliased\": [");
	for (int t = 0; t < model->nterms; t++)
	{
		if (!model->aliased[t])
			continue;
		if (!first)
			appendStringInfoString(to, ", ");
		escape_json(to, cj_term_name(model, t));
		first = false;
	}
	appendStringInfoChar(to, ']');
}

static void
add_fit(StringInfo to, const CjModel *model)
{
	static const char *const separation[] = {"none", "quasi-complete", "complete"};
	const CjFitReport *report = &model->report;
	double		lr = 2 * (report->loglik - report->null_loglik);
	int			df = report->rank - model->intercept;

	appendStringInfo(to, ", \"rows\": " INT64_FORMAT ", \"positives\": " INT64_FORMAT
					 ", \"skipped\": " INT64_FORMAT,
					 report->rows, report->positives, report->skipped);
	add_number(to, "weight", report->weight);
	appendStringInfo(to, ", \"terms\": %d, \"rank\": %d, \"iterations\": %d, \"converged\": %s",
					 model->nterms, report->rank, report->iterations,
					 report->converged ? "true" : "false");
	appendStringInfo(to, ", \"one_class\": %s, \"separation\": \"%s\"",
					 report->one_class ? "true" : "false", separation[report->separation]);
	add_aliased(to, model);
	add_number(to, "condition_number", report->condition);
	add_number(to, "log_likelihood", report->loglik);
	add_number(to, "null_log_likelihood", report->null_loglik);
	add_number(to, "objective", report->penalized);
	add_number(to, "deviance", -2 * report->loglik);
	add_number(to, "null_deviance", -2 * report->null_loglik);
	add_number(to, "aic", 2 * report->rank - 2 * report->loglik);
	add_number(to, "bic", log(report->rows) * report->rank - 2 * report->loglik);
	add_number(to, "lr_chi2", lr);
	appendStringInfo(to, ", \"lr_df\": %d", df);
	add_number(to, "lr_p", cj_chi2_p(lr, df));
	add_number(to, "mcfadden_r2", 1 - report->loglik / report->null_loglik);
	appendStringInfo(to, ", \"standard_errors\": %s%s%s, \"firth\": %s",
					 report->has_errors ? "\"" : "",
					 report->has_errors ? cj_se_name[report->se_kind] : "null",
					 report->has_errors ? "\"" : "", report->firth ? "true" : "false");
	if (report->clusters > 0)
		appendStringInfo(to, ", \"clusters\": " INT64_FORMAT, report->clusters);
	add_number(to, "l1", report->l1);
	add_number(to, "l2", report->l2);
	add_number(to, "prior", report->prior > 0 ? report->prior : NAN);
	if (report->profile > 0)
		add_number(to, "profile", report->profile);
	appendStringInfo(to, ", \"class_weights\": [%s, %s]",
					 DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(report->class_weight[0]))),
					 DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(report->class_weight[1]))));
	appendStringInfo(to, ", \"missing\": \"%s\"", cj_missing_name[model->missing]);
	add_warnings(to, model);
}

/*
 * propensity_summary(propensity_model) -> jsonb
 */
Datum
cj_summary(PG_FUNCTION_ARGS)
{
	CjModel    *model = cj_model_argument(fcinfo, 0)->model;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"kind\": \"%s\", \"input\": \"%s\", \"features\": %d",
					 model->kind == CJ_TREES ? "trees" : "logistic",
					 model->array_input ? "array" : "record", model->nfeatures);
	if (model->kind == CJ_TREES)
		appendStringInfo(&text, ", \"trees\": %d", model->ntrees);
	else
		add_fit(&text, model);
	appendStringInfoChar(&text, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}
