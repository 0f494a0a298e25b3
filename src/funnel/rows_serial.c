/*-------------------------------------------------------------------------
 *
 * rows_serial.c
 *		A group's rows as bytes, on their way from one process to another.
 *
 * Groups are many and mostly small: the rows are copied as they are.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "funnel/funnel.h"

CjRowsSerial *
cj_rows_serial_begin(MemoryContext context, const CjRows *rows, int64 capacity, CjRow **place)
{
	Size		text_size = rows->text == NULL ? 0 : strlen(rows->text) + 1;
	Size		head = sizeof(CjRowsSerial) + TYPEALIGN(sizeof(int64), text_size);
	CjRowsSerial *serial;

	if (capacity > (int64) ((MaxAllocSize - head) / sizeof(CjRow)))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%lld rows in one group are too many to be passed to another process",
						(long long) capacity),
				 errhint("Set max_parallel_workers_per_gather to 0.")));
	serial = MemoryContextAlloc(context, head + capacity * sizeof(CjRow));
	memset(serial, 0, head);
	serial->form = CJ_ROWS_FORM;
	serial->nconditions = rows->nconditions;
	serial->mode = rows->mode;
	serial->text_size = text_size;
	serial->kept = rows->rows != NULL;
	if (text_size > 0)
		memcpy(serial + 1, rows->text, text_size);
	*place = (CjRow *) ((char *) serial + head);
	return serial;
}

bytea *
cj_rows_serial_end(CjRowsSerial *serial, const CjRow *place, int64 window, int64 count)
{
	serial->window = window;
	SET_VARSIZE(serial, (const char *) (place + count) - (const char *) serial);
	return (bytea *) serial;
}

pg_noreturn static void
bad_state(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid state of an aggregate over rows with conditions"),
			 errdetail("%s", detail)));
}

/* Whether they are sorted; conditions that there are not are an error. */
static bool
check_rows(const CjRow *rows, int64 count, int nconditions)
{
	uint64		masks = 0;
	bool		sorted = true;

	for (int64 i = 0; i < count; i++)
	{
		masks |= rows[i].mask;
		if (i > 0 && sorted)
			sorted = cj_rows_in_order(&rows[i - 1], &rows[i]);
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	if (nconditions < CJ_MAX_CONDITIONS && masks >> nconditions != 0)
		bad_state("A row satisfies a condition that there is not.");
	return sorted;
}

/* What comes before the rows; returns how many bytes these are. */
static Size
check_head(const CjRowsSerial *head, const char *from, Size size)
{
	Size		text_room = TYPEALIGN(sizeof(int64), (Size) head->text_size);

	if (head->form != CJ_ROWS_FORM)
		bad_state("It is of another version or of a machine with another byte order.");
	if (head->nconditions < 0 || head->nconditions > CJ_MAX_CONDITIONS ||
		(head->mode & ~(uint32) CJ_MODE_ALL) != 0)
		bad_state("There are too many conditions, or there is no such mode.");
	if (size < text_room || (size - text_room) % sizeof(CjRow) != 0 ||
		(size > text_room && !head->kept))
		bad_state("It is too short or too long.");
	if (head->text_size > 0 && strnlen(from, head->text_size) != head->text_size - 1)
		bad_state("The sequence does not end.");
	return size - text_room;
}

CjRows *
cj_rows_deserialize(const char *from, Size size)
{
	CjRowsSerial head;
	Size		bytes;
	CjRows	   *rows;

	if (size < sizeof(head) - VARHDRSZ)
		bad_state("It is too short or too long.");
	memcpy((char *) &head + VARHDRSZ, from, sizeof(head) - VARHDRSZ);
	from += sizeof(head) - VARHDRSZ;
	size -= sizeof(head) - VARHDRSZ;
	bytes = check_head(&head, from, size);

	/*
	 * the bytes may lie anywhere, rows are aligned; nothing is added to them
	 * here
	 */
	rows = palloc_extended(sizeof(CjRows) + size, MCXT_ALLOC_HUGE);
	memcpy(rows + 1, from + (size - bytes), bytes);
	*rows = (CjRows)
	{
		.nconditions = head.nconditions,.mode = head.mode,.window = head.window,
			.count = bytes / sizeof(CjRow)
	};
	rows->capacity = rows->count;
	if (head.kept)
		rows->rows = (CjRow *) (rows + 1);
	if (head.text_size > 0)
		rows->text = memcpy((char *) (rows + 1) + bytes, from, head.text_size);
	rows->sorted = check_rows(rows->rows, rows->count, head.nconditions);
	return rows;
}
