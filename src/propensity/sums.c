/*-------------------------------------------------------------------------
 *
 * sums.c
 *		Numbers added up over rows that a model scored.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "compat.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "propensity/propensity.h"

/* How many numbers are summed for a model. */
static int
count_numbers(int purpose, const CjModel *model)
{
	int			n = CJ_SCORE_BINS;

	if (purpose == CJ_FOR_EFFECTS)
		return cj_effects_size(model);
	for (int f = 0; f < model->nfeatures; f++)
		n += model->features[f].nbins + 1;
	return n;
}

CjSums *
cj_sums_create(int purpose, const CjModel *model, const char *bytes, int size)
{
	int			n = count_numbers(purpose, model);
	Size		header = sizeof(CjSums) + (Size) n * 8;
	CjSums	   *sums;

	if (header + size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model is too large for an aggregation"),
				 errdetail("It has %d bytes.", size)));
	sums = palloc(header + size);
	memset(sums, 0, header);
	SET_VARSIZE(sums, header + size);
	sums->version = CJ_SUMS_VERSION;
	sums->purpose = purpose;
	sums->nnumbers = n;
	sums->model_size = size;
	memcpy((char *) sums + header, bytes, size);
	return sums;
}

void
cj_sums_check_model(const CjSums *sums, const char *bytes, int size)
{
	if (sums->model_size != size || memcmp(cj_sums_model(sums), bytes, size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model must not change within one aggregation"),
				 errhint("GROUP BY the model, or by what it depends on.")));
}

void
cj_sums_add(CjSums *sums, const CjSums *other)
{
	if (sums->purpose != other->purpose)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sums of different aggregates cannot be combined")));
	cj_sums_check_model(sums, cj_sums_model(other), other->model_size);
	if (pg_add_s64_overflow(sums->rows, other->rows, &sums->rows))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range")));
	/* no count is above the rows */
	if (sums->purpose == CJ_FOR_DRIFT)
		for (int i = 0; i < sums->nnumbers; i++)
			cj_sums_counts(sums)[i] += cj_sums_counts(other)[i];
	else
		for (int i = 0; i < sums->nnumbers; i++)
			cj_sums_floats(sums)[i] += cj_sums_floats(other)[i];
}

int
cj_score_bin(const CjModel *model, double link)
{
	int			bin = 0;

	while (bin < CJ_SCORE_BINS - 1 &&
		   link > model->quantiles[(bin + 1) * (CJ_QUANTILES - 1) / CJ_SCORE_BINS])
		bin++;
	return bin;
}

/* ---- bytes ---- */

/*
 * The binary form: version, purpose, rows, the model's bytes with their length;
 * then the numbers, of which the model says how many there are.
 */
void
cj_sums_write(StringInfo to, const CjSums *sums)
{
	pq_sendbyte(to, sums->version);
	pq_sendbyte(to, sums->purpose);
	pq_sendint64(to, sums->rows);
	pq_sendint32(to, sums->model_size);
	pq_sendbytes(to, cj_sums_model(sums), sums->model_size);
	for (int i = 0; i < sums->nnumbers; i++)
		pq_sendint64(to, cj_sums_counts(sums)[i]);
}

/* Does every row stand in one of the bins? */
static bool
bins_add_up(const int64 *counts, int nbins, int64 rows)
{
	int64		left = rows;

	for (int i = 0; i < nbins; i++)
	{
		if (counts[i] < 0 || counts[i] > left)
			return false;
		left -= counts[i];
	}
	return left == 0;
}

static const char *
counts_fault(const CjSums *sums, const CjModel *model)
{
	const int64 *counts = cj_sums_counts(sums);

	for (int f = 0; f < model->nfeatures; f++)
	{
		int			nbins = model->features[f].nbins + 1;

		if (!bins_add_up(counts, nbins, sums->rows))
			return "a feature's counts do not add up to the rows";
		counts += nbins;
	}
	if (!bins_add_up(counts, CJ_SCORE_BINS, model->quantiles == NULL ? 0 : sums->rows))
		return "the scores' counts do not add up to the rows";
	return NULL;
}

#define HEADER_SIZE		14		/* of the binary form */

/* What is wrong with the header and the model that follows it, or NULL. */
static const char *
model_fault(int version, int purpose, int64 rows, int32 model_size, const char *at, Size left,
			CjModel **model)
{
	const char *fault;

	if (version != CJ_SUMS_VERSION)
		return "unknown version";
	if (purpose != CJ_FOR_DRIFT && purpose != CJ_FOR_EFFECTS)
		return "unknown purpose";
	if (rows < 0 || model_size < 0 || (Size) model_size > left)
		return "counts out of range";
	*model = cj_model_read_checked(at, model_size, &fault);
	if (*model == NULL)
		return psprintf("of its model, %s", fault);
	if (purpose == CJ_FOR_EFFECTS && (*model)->kind != CJ_LOGISTIC)
		return "trees have no marginal effects";
	if ((Size) count_numbers(purpose, *model) * 8 != left - model_size)
		return "length does not match its model";
	return NULL;
}

CjSums *
cj_sums_read(const char *bytes, Size size, const char **fault)
{
	CjModel    *model;
	CjSums	   *sums;
	uint64		rows;
	uint32		model_size;

	*fault = "it is cut short";
	if (size < HEADER_SIZE)
		return NULL;
	memcpy(&rows, bytes + 2, 8);
	memcpy(&model_size, bytes + 10, 4);
	rows = pg_ntoh64(rows);
	model_size = pg_ntoh32(model_size);
	*fault = model_fault((uint8) bytes[0], (uint8) bytes[1], (int64) rows, (int32) model_size,
						 bytes + HEADER_SIZE, size - HEADER_SIZE, &model);
	if (*fault != NULL)
		return NULL;
	sums = cj_sums_create((uint8) bytes[1], model, bytes + HEADER_SIZE, model_size);
	sums->rows = (int64) rows;
	bytes += HEADER_SIZE + model_size;
	for (int i = 0; i < sums->nnumbers; i++)
	{
		uint64		number;

		memcpy(&number, bytes + (Size) i * 8, 8);
		cj_sums_counts(sums)[i] = (int64) pg_ntoh64(number);
	}

	/*
	 * Sums of floats may be anything: those of large numbers have overflowed,
	 * here or where they come from.
	 */
	if (sums->purpose == CJ_FOR_DRIFT)
		*fault = counts_fault(sums, model);
	return *fault == NULL ? sums : NULL;
}
