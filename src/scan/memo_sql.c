/*-------------------------------------------------------------------------
 *
 * memo_sql.c
 *		Conditions on one column, evaluated once for each of its values.
 *
 * Conditions of funnels compare the event's name, of which there are few, with
 * constants.  Their answers for the values seen of late are kept in a small
 * direct-mapped table, so that a row costs one look-up however many conditions
 * there are.  Conditions are not volatile, so the answer is the same.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "executor/executor.h"

#include "compat.h"
#include "scan/memo.h"

#define ENTRIES		256			/* a power of two */
#define KEPT_BYTES	48			/* of a value; longer ones are not remembered */

typedef struct Entry
{
	uint64		word;
	uint64		size;			/* of the value + 1; 0: none */
	char		value[KEPT_BYTES];
} Entry;

struct CjMemo
{
	AttrNumber	column;
	int16		len;
	bool		byval;
	int			count;
	ExprState **conditions;
	bool		null_known;
	uint64		null_word;
	Entry		entries[ENTRIES];
};

CjMemo *
cj_memo_create(AttrNumber column, Form_pg_attribute attribute, ExprState **conditions, int count)
{
	CjMemo	   *memo = palloc0_object(CjMemo);

	memo->column = column;
	memo->len = attribute->attlen;
	memo->byval = attribute->attbyval;
	memo->conditions = conditions;
	memo->count = count;
	return memo;
}

void
cj_memo_reset(CjMemo *memo)
{
	memo->null_known = false;
	memset(memo->entries, 0, sizeof(memo->entries));
}

static uint64
evaluate(CjMemo *memo, TupleTableSlot *slot, ExprContext *econtext)
{
	uint64		word = 0;

	econtext->ecxt_scantuple = slot;
	for (int i = 0; i < memo->count; i++)
	{
		bool		null;
		Datum		value = ExecEvalExprSwitchContext(memo->conditions[i], econtext, &null);

		if (null)
			word |= UINT64CONST(2) << 2 * i;
		else if (DatumGetBool(value))
			word |= UINT64CONST(1) << 2 * i;
	}
	return word;
}

/* The bytes that make a value what it is; NULL if it must not be remembered. */
static inline const char *
bytes_of(const CjMemo *memo, const Datum *value, Size *size)
{
	const char *bytes = memo->byval ? (const char *) value : DatumGetPointer(*value);

	*size = memo->byval ? sizeof(Datum) : (Size) memo->len;
	if (memo->len == -1)
	{
		if (VARATT_IS_EXTERNAL(bytes) || VARATT_IS_COMPRESSED(bytes))
			return NULL;
		*size = VARSIZE_ANY_EXHDR(bytes);
		bytes = VARDATA_ANY(bytes);
	}
	else if (memo->len == -2)
		*size = strlen(bytes);
	return *size <= KEPT_BYTES ? bytes : NULL;
}

/* Of the first and the last bytes, and how many there are. */
static inline uint32
hash_bytes_quickly(const char *bytes, Size size)
{
	uint64		first = 0;
	uint64		last = 0;

	if (size >= 8)
	{
		memcpy(&first, bytes, 8);
		memcpy(&last, bytes + size - 8, 8);
	}
	else if (size >= 4)
	{
		memcpy(&first, bytes, 4);
		memcpy(&last, bytes + size - 4, 4);
	}
	else if (size > 0)
		first = (uint64) (unsigned char) bytes[0] << 16 |
			(uint64) (unsigned char) bytes[size / 2] << 8 | (unsigned char) bytes[size - 1];
	first = (first + size) * UINT64CONST(0x9E3779B97F4A7C15) ^ last;
	return (uint32) ((first * UINT64CONST(0xff51afd7ed558ccd)) >> 56) & (ENTRIES - 1);
}

uint64
cj_memo_word(CjMemo *memo, TupleTableSlot *slot, ExprContext *econtext)
{
	const char *bytes;
	Size		size;
	Entry	   *entry;

	if (unlikely(slot->tts_isnull[memo->column]))
	{
		if (!memo->null_known)
			memo->null_word = evaluate(memo, slot, econtext);
		memo->null_known = true;
		return memo->null_word;
	}
	bytes = bytes_of(memo, &slot->tts_values[memo->column], &size);
	if (unlikely(bytes == NULL))
		return evaluate(memo, slot, econtext);
	entry = &memo->entries[hash_bytes_quickly(bytes, size)];
	if (unlikely(entry->size != size + 1 || memcmp(entry->value, bytes, size) != 0))
	{
		entry->word = evaluate(memo, slot, econtext);
		entry->size = size + 1;
		memcpy(entry->value, bytes, size);
	}
	return entry->word;
}
