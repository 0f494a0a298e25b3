/*-------------------------------------------------------------------------
 *
 * sample.c
 *		Rows with outcomes, collected for a fit or an evaluation.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "compat.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "propensity/propensity.h"

int			cj_max_fit_memory = 1024 * 1024 - 1;

#define FIRST_STRIDE	16
#define MAX_OPTIONS		(1024 * 1024)

/* The blocks' stride that suits so many rows. */
static int32
stride_for(int64 rows)
{
	return rows <= FIRST_STRIDE ? FIRST_STRIDE : rows <= 64 ? 64 : CJ_BLOCK_ROWS;
}

/* Bytes of a sample like this one with room for so many rows. */
static Size
size_for(const CjSample *sample, int64 capacity)
{
	CjSample	shape = *sample;

	shape.stride = stride_for(capacity);
	return sizeof(CjSample) + TYPEALIGN(8, sample->options_size) +
		(Size) ((capacity + shape.stride - 1) / shape.stride) * cj_sample_block_size(&shape);
}

/* The most rows that the setting, and a value's size, allow. */
static int64
most_rows(const CjSample *sample)
{
	CjSample	shape = *sample;
	Size		limit = Min((Size) cj_max_fit_memory * 1024, MaxAllocSize);
	Size		base = sizeof(CjSample) + TYPEALIGN(8, sample->options_size);

	shape.stride = CJ_BLOCK_ROWS;
	if (limit <= base)
		return 0;
	return (int64) ((limit - base) / cj_sample_block_size(&shape)) * CJ_BLOCK_ROWS;
}

CjSample *
cj_sample_create(int purpose, int ncolumns, bool weighted,
				 const void *options, int options_size)
{
	CjSample	shape;
	CjSample   *sample;
	Size		size;

	memset(&shape, 0, sizeof(shape));
	shape.version = CJ_SAMPLE_VERSION;
	shape.purpose = purpose;
	shape.weighted = weighted;
	shape.ncolumns = ncolumns;
	shape.stride = FIRST_STRIDE;
	shape.capacity = FIRST_STRIDE;
	shape.options_size = options_size;
	size = size_for(&shape, shape.capacity);
	sample = palloc0(size);
	*sample = shape;
	if (options_size > 0)
		memcpy((uint8 *) sample + sizeof(CjSample), options, options_size);
	SET_VARSIZE(sample, size);
	return sample;
}

CjSample *
cj_sample_reserve(CjSample *sample, int64 more)
{
	CjSample   *larger;
	int64		capacity;
	int64		most;
	Size		size;

	if (sample->nrows + more <= sample->capacity)
		return sample;
	most = most_rows(sample);
	if (sample->nrows + more > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows of one aggregation need more than %d kB", cj_max_fit_memory),
				 errdetail("Rows of %d columns: at most " INT64_FORMAT " fit.",
						   sample->ncolumns, most),
				 errhint("Raise customer_journey.max_fit_memory (at most 1 GB), leave columns out, or use a share of the rows, as with holdout().")));
	capacity = Max(sample->capacity * 2, sample->nrows + more);
	if (capacity > CJ_BLOCK_ROWS)
		capacity = (capacity + CJ_BLOCK_ROWS - 1) / CJ_BLOCK_ROWS * CJ_BLOCK_ROWS;
	else
		capacity = stride_for(capacity);
	capacity = Min(capacity, most);

	size = size_for(sample, capacity);
	/* zeroed: the state may be stored, with the room it has left */
	larger = palloc0(size);
	memcpy(larger, sample, sizeof(CjSample) + TYPEALIGN(8, sample->options_size));
	larger->capacity = capacity;
	larger->stride = stride_for(capacity);
	SET_VARSIZE(larger, size);
	if (larger->stride == sample->stride)
		memcpy(cj_sample_block(larger, 0), cj_sample_block(sample, 0),
			   cj_sample_nblocks(sample) * cj_sample_block_size(sample));
	else
	{
		larger->nrows = 0;
		larger->skipped = 0;
		cj_sample_append(larger, sample);
	}
	return larger;
}

static inline void
set_outcome(uint8 *block, int i, bool outcome)
{
	uint64	   *word = (uint64 *) block + (i >> 6);
	uint64		bit = UINT64CONST(1) << (i & 63);

	*word = outcome ? *word | bit : *word & ~bit;
}

void
cj_sample_add(CjSample *sample, bool outcome, double weight, const double *values)
{
	uint8	   *block = cj_sample_block(sample, sample->nrows / sample->stride);
	int			i = (int) (sample->nrows % sample->stride);
	double	   *column = cj_block_column(sample, block, 0) + i;

	Assert(sample->nrows < sample->capacity);
	set_outcome(block, i, outcome);
	if (sample->weighted)
		column[-sample->stride] = weight;
	for (int j = 0; j < sample->ncolumns; j++, column += sample->stride)
		*column = values[j];
	sample->nrows++;
}

void
cj_sample_append(CjSample *sample, const CjSample *other)
{
	int64		done = 0;

	Assert(sample->nrows + other->nrows <= sample->capacity);
	sample->skipped += other->skipped;
	while (done < other->nrows)
	{
		const uint8 *from = cj_sample_block(other, done / other->stride);
		uint8	   *to = cj_sample_block(sample, sample->nrows / sample->stride);
		int			f = (int) (done % other->stride);
		int			t = (int) (sample->nrows % sample->stride);
		int			run = (int) Min(other->nrows - done,
									Min(other->stride - f, sample->stride - t));

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < run; i++)
			set_outcome(to, t + i, cj_block_outcome(from, f + i));
		for (int j = -sample->weighted; j < sample->ncolumns; j++)
			memcpy(cj_block_column(sample, to, j) + t,
				   cj_block_column(other, from, j) + f, run * sizeof(double));
		sample->nrows += run;
		done += run;
	}
}

void
cj_sample_check_alike(const CjSample *a, const CjSample *b)
{
	if (a->purpose != b->purpose || a->ncolumns != b->ncolumns || a->weighted != b->weighted)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("samples of different shape cannot be combined"),
				 errdetail("One has %d columns, the other %d.", a->ncolumns, b->ncolumns)));
	if (a->options_size != b->options_size ||
		memcmp(cj_sample_options(a), cj_sample_options(b), a->options_size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options must not change within one aggregation"),
				 errhint("Use a constant, or GROUP BY what the options depend on.")));
}

/*
 * The binary form: version, weighted, purpose, columns, rows, skipped rows,
 * options with their length; then column by column all rows' floats, weights
 * first, and the outcomes, a byte of eight rows each.
 */
void
cj_sample_write(StringInfo to, const CjSample *sample)
{
	pq_sendbyte(to, sample->version);
	pq_sendbyte(to, sample->weighted);
	pq_sendint16(to, sample->purpose);
	pq_sendint32(to, sample->ncolumns);
	pq_sendint64(to, sample->nrows);
	pq_sendint64(to, sample->skipped);
	pq_sendint32(to, sample->options_size);
	pq_sendbytes(to, (const char *) cj_sample_options(sample), sample->options_size);
	for (int j = -sample->weighted; j < sample->ncolumns; j++)
		for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
		{
			const double *column = cj_block_column(sample, cj_sample_block(sample, b), j);

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < cj_block_rows(sample, b); i++)
				pq_sendfloat8(to, column[i]);
		}
	for (int64 row = 0; row < sample->nrows; row += 8)
	{
		const uint8 *block = cj_sample_block(sample, row / sample->stride);
		uint8		byte = 0;

		for (int i = 0; i < Min(8, sample->nrows - row); i++)
			byte |= cj_block_outcome(block, (int) (row % sample->stride) + i) << i;
		pq_sendbyte(to, byte);
	}
}

static CjSample *
bad_sample(Node *escontext, int code, const char *what)
{
	ereturn(escontext, NULL,
			(errcode(code), errmsg("invalid propensity_sample: %s", what)));
}

#define HEADER_SIZE		28		/* of the binary form, without the options */

/* What is wrong with the header's numbers and what is left to read, or NULL. */
static const char *
header_fault(const CjSample *head, int64 left)
{
	int64		needed;

	if (head->version != CJ_SAMPLE_VERSION)
		return "unknown version";
	if (head->weighted > 1 || head->ncolumns < 0 || head->ncolumns > CJ_MAX_FEATURES ||
		head->nrows < 0 || head->skipped < 0)
		return "counts out of range";
	if (head->purpose != CJ_FOR_FIT && head->purpose != CJ_FOR_SCORES)
		return "unknown purpose";
	if (head->purpose == CJ_FOR_SCORES && (head->ncolumns != 1 || head->weighted != 0))
		return "scores have one column";
	if (head->options_size < 0 || head->options_size > MAX_OPTIONS || head->options_size > left)
		return "options longer than the value";
	if (head->nrows > (int64) MaxAllocSize ||
		pg_mul_s64_overflow(head->nrows, 8 * (head->ncolumns + head->weighted), &needed) ||
		needed + (head->nrows + 7) / 8 != left - head->options_size)
		return "length does not match its counts";
	return NULL;
}

/* Reads the floats; false if one is out of range. */
static bool
read_columns(StringInfo from, CjSample *sample)
{
	for (int j = -sample->weighted; j < sample->ncolumns; j++)
		for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
		{
			double	   *column = cj_block_column(sample, cj_sample_block(sample, b), j);

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < cj_block_rows(sample, b); i++)
			{
				column[i] = pq_getmsgfloat8(from);
				if (isinf(column[i]) || (j < 0 && !(column[i] > 0)) ||
					(isnan(column[i]) && sample->purpose == CJ_FOR_SCORES))
					return false;
			}
		}
	return true;
}

/* Reads the outcomes; false if there are bits beyond the last row. */
static bool
read_outcomes(StringInfo from, CjSample *sample)
{
	for (int64 row = 0; row < sample->nrows; row += 8)
	{
		uint8	   *block = cj_sample_block(sample, row / sample->stride);
		uint8		byte = pq_getmsgbyte(from);

		for (int i = 0; i < 8; i++)
			if (row + i < sample->nrows)
				set_outcome(block, (int) (row % sample->stride) + i, byte >> i & 1);
			else if (byte >> i & 1)
				return false;
	}
	return true;
}

/* "code" is the error's: of a text or of a binary representation. */
CjSample *
cj_sample_read(StringInfo from, Node *escontext, int code)
{
	CjSample	head;
	CjSample   *sample;
	const char *fault;

	if (from->len - from->cursor < HEADER_SIZE)
		return bad_sample(escontext, code, "it is cut short");
	memset(&head, 0, sizeof(head));
	head.version = pq_getmsgbyte(from);
	head.weighted = pq_getmsgbyte(from);
	head.purpose = pq_getmsgint(from, 2);
	head.ncolumns = pq_getmsgint(from, 4);
	head.nrows = pq_getmsgint64(from);
	head.skipped = pq_getmsgint64(from);
	head.options_size = pq_getmsgint(from, 4);
	fault = header_fault(&head, from->len - from->cursor);
	if (fault != NULL)
		return bad_sample(escontext, code, fault);
	sample = cj_sample_create(head.purpose, head.ncolumns, head.weighted,
							  pq_getmsgbytes(from, head.options_size), head.options_size);
	sample = cj_sample_reserve(sample, head.nrows);
	sample->nrows = head.nrows;
	sample->skipped = head.skipped;
	if (!read_columns(from, sample))
		return bad_sample(escontext, code, "a number out of range");
	if (!read_outcomes(from, sample))
		return bad_sample(escontext, code, "outcomes beyond the last row");
	return sample;
}
