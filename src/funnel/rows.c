/*-------------------------------------------------------------------------
 *
 * rows.c
 *		Collecting a group's rows: 16 bytes each, sorted once at the end and only
 *		if they did not come in order.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "funnel/funnel.h"

#define INITIAL_ROWS	16

CjRows *
cj_rows_create(MemoryContext context)
{
	CjRows	   *rows = MemoryContextAllocZero(context, sizeof(CjRows));

	rows->sorted = true;
	rows->capacity = INITIAL_ROWS;
	rows->rows = MemoryContextAlloc(context, rows->capacity * sizeof(CjRow));
	return rows;
}

/* None first, then by the first condition that holds: B and A of one instant are A, B. */
static inline int
row_compare(const CjRow *a, const CjRow *b)
{
	int			x;
	int			y;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->mask == b->mask)
		return 0;
	x = a->mask == 0 ? -1 : pg_rightmost_one_pos64(a->mask);
	y = b->mask == 0 ? -1 : pg_rightmost_one_pos64(b->mask);
	if (x != y)
		return x < y ? -1 : 1;
	return a->mask < b->mask ? -1 : 1;
}

/* Room for twice as many. */
pg_noinline void
cj_rows_grow(CjRows *rows)
{
	if (rows->capacity >= CJ_HARD_MAX_EVENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d rows in one group", CJ_HARD_MAX_EVENTS)));
	rows->capacity *= 2;
	rows->rows = repalloc_huge(rows->rows, rows->capacity * sizeof(CjRow));
}

/* Whether two rows of one instant are in order. */
pg_noinline bool
cj_rows_tied_in_order(const CjRow *a, const CjRow *b)
{
	return row_compare(a, b) <= 0;
}

void
cj_rows_append(CjRows *rows, const CjRows *more)
{
	if (more->count == 0)
		return;
	while (rows->capacity - rows->count < more->count)
		cj_rows_grow(rows);
	rows->sorted = rows->sorted && more->sorted &&
		(rows->count == 0 || cj_rows_in_order(&rows->rows[rows->count - 1], &more->rows[0]));
	memcpy(rows->rows + rows->count, more->rows, more->count * sizeof(CjRow));
	rows->count += more->count;
}

CjRows *
cj_rows_copy(MemoryContext context, const CjRows *from)
{
	CjRows	   *rows = MemoryContextAlloc(context, sizeof(CjRows));

	*rows = *from;
	if (from->text !=NULL)
		rows->text = MemoryContextStrdup(context, from->text);
	if (from->rows == NULL)
		return rows;
	rows->capacity = Max(from->count, INITIAL_ROWS);
	rows->rows = MemoryContextAllocHuge(context, rows->capacity * sizeof(CjRow));
	memcpy(rows->rows, from->rows, from->count * sizeof(CjRow));
	return rows;
}

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE CjRow
#define ST_COMPARE(a, b) row_compare(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

void
cj_rows_sort(CjRows *rows)
{
	if (!rows->sorted)
		sort_rows(rows->rows, rows->count);
	rows->sorted = true;
}
