/*-------------------------------------------------------------------------
 *
 * format_sql.c
 *		Rows of values to bytes and back, their keys' hashes and equality.
 *
 * Keys are hashed and compared as hash aggregation does, by the functions of the
 * type and the collation of the column, so that texts equal in a nondeterministic
 * collation are one group.  Where equality is that of bits, which is so for
 * integers and times, the functions are not called at all.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "utils/expandeddatum.h"
#include "utils/fmgroids.h"

#include "scan/format.h"

/* ---- layout ---- */

/* Fixed widths by size, the widest first; then keys, then the rest. */
static int
column_rank(const CjColumn *column, bool key)
{
	if (column->byval)
		return 8 - column->len;
	return key ? 8 : 9;
}

static bool
is_key(int nkeys, const AttrNumber *key_columns, const CjColumn *column)
{
	for (int i = 0; i < nkeys; i++)
		if (column->word < 0 && key_columns[i] - 1 == column->target)
			return true;
	return false;
}

static void
lay_out(CjFormat *format, const CjColumn *columns, int ncolumns,
		int nkeys, const AttrNumber *key_columns)
{
	uint32		offset = 0;
	int			n = 0;

	format->columns = palloc0_array(CjColumn, Max(ncolumns, 1));
	for (int rank = 0; rank <= 9; rank++)
		for (int half = 0; half < 2; half++)
			for (int i = 0; i < ncolumns; i++)
			{
				CjColumn	column = columns[i];
				bool		key = is_key(nkeys, key_columns, &column);

				/* of the same rank, keys come first */
				if (column_rank(&column, key) != rank || key != (half == 0))
					continue;
				if (column.byval)
				{
					column.offset = offset;
					offset += column.len;
					format->nfixed++;
				}
				format->columns[n++] = column;
			}
	format->ncolumns = n;
	format->nulls = offset;
	format->null_bytes = (n + 7) / 8;
	format->fixed_size = offset + format->null_bytes;
}

/* Equality of bits: then a value of 8 bytes needs no function. */
static bool
equality_of_bits(Oid function)
{
	switch (function)
	{
		case F_INT8EQ:
		case F_INT4EQ:
		case F_INT2EQ:
		case F_OIDEQ:
		case F_DATE_EQ:
		case F_TIMESTAMP_EQ:
		case F_TIMESTAMPTZ_EQ:
		case F_BOOLEQ:
		case F_CHAREQ:
		case F_ENUM_EQ:
			return true;
		default:
			return false;
	}
}

CjFormat *
cj_format_create(CjColumn *columns, int ncolumns, const CjWord *words,
				 int nkeys, const AttrNumber *key_columns,
				 const Oid *equality, const Oid *collations, MemoryContext scratch)
{
	CjFormat   *format = palloc0_object(CjFormat);
	FmgrInfo   *hash_functions;
	Oid		   *equal_functions;

	lay_out(format, columns, ncolumns, nkeys, key_columns);
	format->words = words;
	execTuplesHashPrepare(nkeys, equality, &equal_functions, &hash_functions);
	format->nkeys = nkeys;
	format->keys = palloc0_array(CjKey, nkeys);
	format->scratch = scratch;
	for (int i = 0; i < nkeys; i++)
	{
		CjKey	   *key = &format->keys[i];

		while (format->columns[key->column].word >= 0 ||
			   format->columns[key->column].target != key_columns[i] - 1)
			key->column++;
		key->collation = collations[i];
		key->hash = hash_functions[i];
		key->bitwise = format->columns[key->column].byval && equality_of_bits(equal_functions[i]);
		fmgr_info(equal_functions[i], &key->equal);
	}
	format->word_key = nkeys == 1 && format->keys[0].bitwise &&
		format->keys[0].column == 0 && format->columns[0].len == 8;
	return format;
}

/* ---- to bytes ---- */

/* The bits of a value, of which a datum may hold more than there are. */
static inline uint64
bits_of(int16 len, Datum value)
{
	switch (len)
	{
		case 8:
			return (uint64) value;
		case 4:
			return (uint32) value;
		case 2:
			return (uint16) value;
		default:
			return (uint8) value;
	}
}

/* Finalizer of splitmix64: every bit of the word reaches every bit of the hash. */
static inline uint32
hash_word(uint64 word)
{
	word = (word ^ word >> 30) * UINT64CONST(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64CONST(0x94d049bb133111eb);
	return (uint32) (word >> 32 ^ word);
}

static inline void
put_value(char *to, int16 len, Datum value)
{
	switch (len)
	{
		case 8:
			*(uint64 *) to = (uint64) value;
			break;
		case 4:
			*(uint32 *) to = (uint32) value;
			break;
		case 2:
			*(uint16 *) to = (uint16) value;
			break;
		default:
			*to = (char) value;
	}
}

static inline Datum
get_value(const char *from, int16 len)
{
	switch (len)
	{
		case 8:
			return (Datum) *(const uint64 *) from;
		case 4:
			return Int32GetDatum(*(const int32 *) from);
		case 2:
			return Int16GetDatum(*(const int16 *) from);
		default:
			return CharGetDatum(*from);
	}
}

static inline bool
is_expanded(const CjColumn *column, Datum value)
{
	return column->len == -1 && VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value));
}

/* Where a value that is not by-value begins and ends, if the one before it ends at "at". */
static inline Size
begin_of(const CjColumn *column, Size at, Datum value)
{
	if (is_expanded(column, value))
		return att_align_nominal(at, column->align);
	return att_align_datum(at, column->align, column->len, value);
}

static inline Size
end_of(const CjColumn *column, Size at, Datum value)
{
	if (is_expanded(column, value))
		return at + EOH_get_flat_size(DatumGetEOHP(value));
	return att_addlength_datum(at, column->len, value);
}

static uint32
hash_keys(CjFormat *format, const Datum *values, const bool *nulls)
{
	uint32		hash = 0;

	if (format->word_key)
	{
		AttrNumber	source = format->columns[0].source;

		return nulls[source] ? 0 : hash_word((uint64) values[source]);
	}
	for (int i = 0; i < format->nkeys; i++)
	{
		CjKey	   *key = &format->keys[i];
		const CjColumn *column = &format->columns[key->column];

		hash = pg_rotate_left32(hash, 1);
		if (nulls[column->source])
			continue;
		hash ^= key->bitwise ? hash_word(bits_of(column->len, values[column->source])) :
			DatumGetUInt32(FunctionCall1Coll(&key->hash, key->collation, values[column->source]));
	}
	return murmurhash32(hash);
}

static void
put_pointers(const CjFormat *format, char *data, const Datum *values, const bool *nulls)
{
	Size		at = format->fixed_size;

	for (int i = format->nfixed; i < format->ncolumns; i++)
	{
		const CjColumn *column = &format->columns[i];
		Datum		value = values[column->source];
		Size		begin;
		Size		end;

		if (nulls[column->source])
			continue;
		begin = begin_of(column, at, value);
		end = end_of(column, begin, value);
		memset(data + at, 0, begin - at);
		if (is_expanded(column, value))
			EOH_flatten_into(DatumGetEOHP(value), data + begin, end - begin);
		else
			memcpy(data + begin, DatumGetPointer(value), end - begin);
		at = end;
	}
}

static Size
size_of(const CjFormat *format, const Datum *values, const bool *nulls)
{
	Size		size = format->fixed_size;

	for (int i = format->nfixed; i < format->ncolumns; i++)
	{
		const CjColumn *column = &format->columns[i];

		if (!nulls[column->source])
			size = end_of(column, begin_of(column, size, values[column->source]),
						  values[column->source]);
	}
	if (unlikely(size > MaxAllocSize))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row of %zu bytes is too large to be grouped", size)));
	return size;
}

void
cj_format_store(CjFormat *format, CjStore *store, const Datum *values,
				const bool *nulls, const uint64 *words, bool idle)
{
	Size		size = CJ_ROW_HEADER + MAXALIGN(size_of(format, values, nulls));
	CjStoredRow *row = cj_store_add(store, hash_keys(format, values, nulls),
									size | (idle ? CJ_ROW_IDLE : 0));
	char	   *bits = row->data + format->nulls;

	/* what aligns the row's end may be written to a file */
	*(uint64 *) ((char *) row + size - sizeof(uint64)) = 0;
	for (uint32 i = 0; i < format->null_bytes; i++)
		bits[i] = 0;
	for (int i = 0; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];

		if (column->word >= 0)
			put_value(row->data + column->offset, column->len, (Datum) words[column->word]);
		else if (likely(!nulls[column->source]))
			put_value(row->data + column->offset, column->len, values[column->source]);
		else
		{
			put_value(row->data + column->offset, column->len, 0);
			bits[i / 8] |= 1 << i % 8;
		}
	}
	if (format->nfixed == format->ncolumns)
		return;
	for (int i = format->nfixed; i < format->ncolumns; i++)
		if (nulls[format->columns[i].source])
			bits[i / 8] |= 1 << i % 8;
	put_pointers(format, row->data, values, nulls);
}

/* ---- from bytes ---- */

/* The value that begins where the one before it ended; *at becomes its end. */
static inline Datum
get_pointer(const CjColumn *column, const char *data, Size *at)
{
	Size		begin = att_align_pointer(*at, column->align, column->len, data + *at);

	*at = att_addlength_pointer(begin, column->len, data + begin);
	return PointerGetDatum(data + begin);
}

/* The answers of a word, as booleans. */
static inline void
put_answers(const CjWord *word, uint64 answers, Datum *values, bool *nulls)
{
	for (int i = 0; i < word->count; i++)
	{
		values[word->targets[i]] = BoolGetDatum(answers & 1);
		nulls[word->targets[i]] = (answers & 2) != 0;
		answers >>= 2;
	}
}

void
cj_format_load(const CjFormat *format, const CjStoredRow *row, Datum *values, bool *nulls)
{
	Size		at = format->fixed_size;

	for (int i = 0; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];
		Datum		value = get_value(row->data + column->offset, column->len);

		if (column->word >= 0)
			put_answers(&format->words[column->word], (uint64) value, values, nulls);
		else
		{
			values[column->target] = value;
			nulls[column->target] = cj_format_null(format, row, i);
		}
	}
	for (int i = format->nfixed; i < format->ncolumns; i++)
	{
		const CjColumn *column = &format->columns[i];

		nulls[column->target] = cj_format_null(format, row, i);
		if (!nulls[column->target])
			values[column->target] = get_pointer(column, row->data, &at);
	}
}

/* Key values and their ends; keys come first among values that are not by-value. */
static Datum
key_value(const CjFormat *format, const CjStoredRow *row, int column)
{
	const CjColumn *wanted = &format->columns[column];
	Size		at = format->fixed_size;
	Datum		value = 0;

	if (column < format->nfixed)
		return get_value(row->data + wanted->offset, wanted->len);
	for (int i = format->nfixed; i <= column; i++)
		if (!cj_format_null(format, row, i))
			value = get_pointer(&format->columns[i], row->data, &at);
	return value;
}

/* Values of the same bytes are equal in any collation. */
static bool
same_bytes(const CjColumn *column, Datum a, Datum b)
{
	Size		size;

	if (column->byval)
		return a == b;
	size = att_addlength_datum((Size) 0, column->len, a);
	return size == att_addlength_datum((Size) 0, column->len, b) &&
		memcmp(DatumGetPointer(a), DatumGetPointer(b), size) == 0;
}

static bool
equal_values(CjFormat *format, CjKey *key, Datum a, Datum b)
{
	MemoryContext old = MemoryContextSwitchTo(format->scratch);
	bool		equal = DatumGetBool(FunctionCall2Coll(&key->equal, key->collation, a, b));

	MemoryContextSwitchTo(old);
	MemoryContextReset(format->scratch);
	return equal;
}

bool
cj_format_same(const CjStoredRow *a, const CjStoredRow *b, void *arg)
{
	CjFormat   *format = arg;

	if (format->word_key)
		return *(const uint64 *) a->data == *(const uint64 *) b->data &&
			cj_format_null(format, a, 0) == cj_format_null(format, b, 0);
	for (int i = 0; i < format->nkeys; i++)
	{
		CjKey	   *key = &format->keys[i];
		Datum		x;
		Datum		y;
		bool		null = cj_format_null(format, a, key->column);

		if (null != cj_format_null(format, b, key->column))
			return false;
		if (null)
			continue;
		x = key_value(format, a, key->column);
		y = key_value(format, b, key->column);
		if (same_bytes(&format->columns[key->column], x, y))
			continue;
		if (key->bitwise || !equal_values(format, key, x, y))
			return false;
	}
	return true;
}
