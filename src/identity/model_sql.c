/*-------------------------------------------------------------------------
 *
 * model_sql.c
 *		A fitted engine written as a linkage_model.
 *
 * A model holds its specification, the levels' parameters, the frequencies of
 * values for comparisons that adjust for them, and how the fit went.  All of
 * it is a composite value that plain SQL reads.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "common/common.h"
#include "identity/datum.h"
#include "identity/model.h"

static TupleDesc
element_desc(TupleDesc desc, int attribute)
{
	return lookup_rowtype_tupdesc_copy(get_element_type(TupleDescAttr(desc, attribute)->atttypid),
									   -1);
}

static Datum
number_array(const double *numbers, int n)
{
	Datum	   *elements = palloc_array(Datum, Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = Float8GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(elements, n, FLOAT8OID, 8, FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

Datum
cj_linkage_model_levels(const CjLinkage *linkage, TupleDesc model)
{
	TupleDesc	desc = element_desc(model, 12);
	HeapTuple  *tuples = palloc_array(HeapTuple, CJ_MAX_COMPARISONS * CJ_MAX_LEVELS);
	int			n = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		const CjComparison *comparison = &linkage->comparison[c];

		for (int level = comparison->nlevels - 1; level >= 0; level--)
		{
			bool		nulls[8] = {false};
			Datum		values[8];
			char	   *label = cj_level_label(comparison, level);

			values[0] = PointerGetDatum(cj_utf8_text(comparison->label, strlen(comparison->label)));
			values[1] = Int32GetDatum(level);
			values[2] = CStringGetTextDatum(label);
			values[3] = Float8GetDatum(comparison->m[level]);
			values[4] = Float8GetDatum(comparison->u[level]);
			values[5] = Float8GetDatum(cj_level_weight(comparison, level));
			values[6] = Float8GetDatum(comparison->u_pairs[level]);
			values[7] = BoolGetDatum(comparison->u_exact);
			tuples[n++] = heap_form_tuple(desc, values, nulls);
		}
	}
	return cj_composite_array(desc, tuples, n);
}

typedef struct Term
{
	int32		code;
	int32		count;
	CjText text;
} Term;

static int
compare_terms(const void *a, const void *b)
{
	const Term *x = a;
	const Term *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return cj_text_compare(x->text, y->text);
}

/* The frequent values of a comparison, most frequent first; others by their average. */
static HeapTuple
terms_tuple(const CjLinkage *linkage, int c, TupleDesc desc)
{
	const CjComparison *comparison = &linkage->comparison[c];
	const CjValues *values = &linkage->field[comparison->field].values;
	Term	   *term = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Term) * Max((Size) values->nvalues, 1));
	bool		nulls[5] = {false};
	Datum		columns[5];
	Datum	   *texts;
	double	   *shares;
	int64		rest = comparison->present;
	int32		distinct = 0;
	int32		n = 0;
	int32		kept;

	for (int32 i = 0; i < values->nvalues; i++)
	{
		distinct += values->value[i].count > 0;
		if (values->value[i].count < 2)
			continue;
		term[n].code = i;
		term[n].count = values->value[i].count;
		term[n++].text = cj_value_text(values, i);
	}
	qsort(term, n, sizeof(Term), compare_terms);
	kept = Min(n, linkage->max_terms);
	texts = palloc_array(Datum, Max(kept, 1));
	shares = palloc_array(double, Max(kept, 1));
	for (int32 i = 0; i < kept; i++)
	{
		texts[i] = PointerGetDatum(cj_utf8_text(term[i].text.data, term[i].text.len));
		shares[i] = (double) term[i].count / comparison->present;
		rest -= term[i].count;
	}
	columns[0] = Int32GetDatum(c + 1);
	columns[1] = Int64GetDatum(comparison->present);
	columns[2] = Float8GetDatum(distinct > kept ?
								(double) rest / (distinct - kept) / comparison->present :
								1.0 / Max(comparison->present, 1));
	columns[3] = PointerGetDatum(construct_array(texts, kept, TEXTOID, -1, false, TYPALIGN_INT));
	columns[4] = number_array(shares, kept);
	pfree(term);
	return heap_form_tuple(desc, columns, nulls);
}

static Datum
terms_datum(const CjLinkage *linkage, TupleDesc desc)
{
	HeapTuple	tuples[CJ_MAX_COMPARISONS];
	int			n = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
		if (linkage->comparison[c].terms)
			tuples[n++] = terms_tuple(linkage, c, desc);
	return cj_composite_array(desc, tuples, n);
}

HeapTuple
cj_iteration_tuple(const CjLinkage *linkage, int i, TupleDesc desc)
{
	const CjIteration *at = &linkage->trace[i];
	double	   *m = palloc_array(double, CJ_MAX_COMPARISONS * CJ_MAX_LEVELS);
	double	   *u = palloc_array(double, CJ_MAX_COMPARISONS * CJ_MAX_LEVELS);
	bool		nulls[6] = {false};
	Datum		values[6];
	int			n = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
		for (int level = linkage->comparison[c].nlevels - 1; level >= 0; level--, n++)
		{
			m[n] = at->m[c][level];
			u[n] = at->u[c][level];
		}
	values[0] = Int32GetDatum(i);
	values[1] = Float8GetDatum(at->match_rate);
	values[2] = Float8GetDatum(at->change);
	values[3] = Float8GetDatum(at->log_likelihood);
	values[4] = number_array(m, n);
	values[5] = number_array(u, n);
	nulls[2] = nulls[3] = i == 0;
	return heap_form_tuple(desc, values, nulls);
}

static Datum
trace_datum(const CjLinkage *linkage, TupleDesc desc)
{
	HeapTuple  *tuples = palloc_array(HeapTuple, Max(linkage->ntrace, 1));

	for (int i = 0; i < linkage->ntrace; i++)
		tuples[i] = cj_iteration_tuple(linkage, i, desc);
	return cj_composite_array(desc, tuples, linkage->ntrace);
}

/* What a user should know before trusting the model. */
static Datum
warnings_datum(const CjLinkage *linkage)
{
	Datum		texts[CJ_MAX_COMPARISONS + CJ_MAX_RULES + 4];
	int			n = 0;

	if (linkage->candidates == 0)
		texts[n++] = CStringGetTextDatum("no candidate pairs: the blocking rules find nothing");
	if (!linkage->converged && linkage->candidates > 0)
		texts[n++] = CStringGetTextDatum(psprintf("not converged after %d iterations",
												  linkage->iterations));
	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		const CjComparison *comparison = &linkage->comparison[c];

		if (cj_level_weight(comparison, comparison->nlevels - 1) <=
			cj_level_weight(comparison, 0))
			texts[n++] = CStringGetTextDatum(psprintf("equal values of \"%s\" speak against a match",
													  comparison->label));
	}
	for (int r = 0; r < linkage->nrules; r++)
		if (linkage->rule[r].skipped_blocks > 0)
			texts[n++] = CStringGetTextDatum(psprintf("rule \"%s\" left out %lld blocks with %lld pairs",
													  linkage->rule[r].text,
													  (long long) linkage->rule[r].skipped_blocks,
													  (long long) linkage->rule[r].skipped_pairs));
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
cj_linkage_model_datum(CjLinkage *linkage, Datum spec, TupleDesc desc)
{
	bool		nulls[15] = {false};
	Datum		values[15];

	values[0] = Int32GetDatum(CJ_MODEL_VERSION);
	values[1] = spec;
	values[2] = Int64GetDatum(linkage->nrecords);
	values[3] = Int64GetDatum(linkage->candidates);
	values[4] = Float8GetDatum(linkage->match_rate);
	values[5] = Float8GetDatum(linkage->threshold);
	values[6] = Float8GetDatum(linkage->expected_matches);
	values[7] = Float8GetDatum(linkage->expected_precision);
	values[8] = Float8GetDatum(linkage->expected_recall);
	values[9] = Int32GetDatum(linkage->iterations);
	values[10] = BoolGetDatum(linkage->converged);
	values[11] = warnings_datum(linkage);
	values[12] = cj_linkage_model_levels(linkage, desc);
	values[13] = terms_datum(linkage, element_desc(desc, 13));
	values[14] = trace_datum(linkage, element_desc(desc, 14));
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
