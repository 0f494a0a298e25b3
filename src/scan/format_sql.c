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

#include "scan/exchange.h"
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
place_column(CjFormat *format, CjColumn column, uint32 width)
{
	format->ntargets = Max(format->ntargets, column.word < 0 ? column.target + 1 : 0);
	if (column.byval)
	{
		column.offset = format->nulls;
		format->nulls += width;
		format->nfixed++;
	}
	format->columns[format->ncolumns++] = column;
}

static void
lay_out(CjFormat *format, const CjColumn *columns, int ncolumns,
		int nkeys, const AttrNumber *key_columns, bool keyed)
{
	format->columns = palloc0_array(CjColumn, Max(ncolumns, 1));
	for (int i = 0; keyed && i < ncolumns; i++)
		if (is_key(nkeys, key_columns, &columns[i]))
			place_column(format, columns[i], sizeof(uint64));
	for (int rank = 0; rank <= 9; rank++)
		for (int half = 0; half < 2; half++)
			for (int i = 0; i < ncolumns; i++)
			{
				bool		key = is_key(nkeys, key_columns, &columns[i]);

				/* of the same rank, keys come first */
				if (column_rank(&columns[i], key) == rank && key == (half == 0) && !(key && keyed))
					place_column(format, columns[i], columns[i].len);
			}
	format->null_bytes = (format->ncolumns + 7) / 8;
	format->fixed_size = format->nulls + format->null_bytes;
}

/* Rows with a code: the word has a part of the first column of 8 or else 4 bytes. */
static void
lay_out_codes(CjFormat *format)
{
	uint32		offset = sizeof(uint64);

	format->number = -1;
	for (int i = 1; i < format->nfixed; i++)
	{
		CjColumn   *column = &format->columns[i];

		if (column->word >= 0 || column->len < 4)
			continue;
		if (format->number < 0)
			format->number = i;
		else
		{
			column->beside = offset;
			offset += column->len;
		}
	}
	format->keyed = CJ_ROW_HEADER + TYPEALIGN(sizeof(uint64), offset);
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

/* Is there one key, of at most 8 bytes, equal only if the bits are? */
static bool
key_is_word(const CjColumn *columns, int nkeys, const AttrNumber *key_columns,
			const Oid *equal_functions)
{
	const CjColumn *column = columns;

	if (nkeys != 1)
		return false;
	while (!is_key(1, key_columns, column))
		column++;
	/* a group of a smaller key has thousands of rows: no need to hurry */
	return column->byval && column->len >= 2 && equality_of_bits(equal_functions[0]);
}

CjFormat *
cj_format_create(CjColumn *columns, int ncolumns, const CjWord *words,
				 int nkeys, const AttrNumber *key_columns,
				 const Oid *equality, const Oid *collations, MemoryContext scratch)
{
	CjFormat   *format = palloc0_object(CjFormat);
	FmgrInfo   *hash_functions;
	Oid		   *equal_functions;
	bool		keyed;

	execTuplesHashPrepare(nkeys, equality, &equal_functions, &hash_functions);
	keyed = key_is_word(columns, nkeys, key_columns, equal_functions);
	lay_out(format, columns, ncolumns, nkeys, key_columns, keyed);
	if (keyed)
		lay_out_codes(format);
	format->words = words;
	for (int i = 0; i < ncolumns; i++)
		for (int k = 0; columns[i].word >= 0 && k < words[columns[i].word].count; k++)
			format->ntargets = Max(format->ntargets, words[columns[i].word].targets[k] + 1);
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
	return format;
}

CjStore *
cj_format_begin(CjFormat *format, MemoryContext context, Size memory, double expected_bytes)
{
	CjStore    *store = cj_store_create(context, memory, expected_bytes, format->keyed,
										cj_format_same, format);

	if (format->keyed != 0)
		format->codes = cj_row_codes_create(format, store->arena, NULL);
	return store;
}

CjStore *
cj_format_begin_shared(CjFormat *format, MemoryContext context, Size memory, CjExchange *exchange)
{
	CjStore    *store = cj_store_create_shared(context, memory, exchange, format->keyed,
											   cj_format_same, format);

	if (format->keyed != 0)
		format->codes = cj_row_codes_create(format, store->arena, exchange);
	return store;
}

void
cj_format_share(CjFormat *format, CjStore *store)
{
	if (format->keyed != 0)
		cj_row_codes_give(format->codes, store->exchange);
	format->codes = NULL;
	cj_exchange_share(store->exchange, store);
}

CjStore *
cj_format_open_shared(CjFormat *format, MemoryContext context, Size memory, CjExchange *exchange)
{
	CjStore    *store = cj_store_create_shared(context, memory, exchange, format->keyed,
											   cj_format_same, format);

	if (format->keyed != 0)
		format->codes = cj_row_codes_take(format, store->arena, exchange);
	return store;
}

/* ---- to bytes ---- */

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

	for (int i = 0; i < format->nkeys; i++)
	{
		CjKey	   *key = &format->keys[i];
		const CjColumn *column = &format->columns[key->column];

		hash = pg_rotate_left32(hash, 1);
		if (nulls[column->source])
			continue;
		hash ^= key->bitwise ? cj_hash_word(cj_format_bits(column->len, values[column->source])) :
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

Size
cj_format_size(const CjFormat *format, const Datum *values, const bool *nulls)
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
	return MAXALIGN(size);
}

void
cj_format_put(const CjFormat *format, char *data, Size size, const Datum *values,
			  const bool *nulls, const uint64 *words)
{
	char	   *bits = data + format->nulls;
	int			i = 0;

	/* what aligns the row's end may be written to a file */
	*(uint64 *) (data + size - sizeof(uint64)) = 0;
	memset(bits, 0, format->null_bytes);
	if (format->keyed != 0)
	{
		bits[0] = nulls[format->columns[0].source];
		i++;
	}
	for (; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];

		if (column->word >= 0)
			put_value(data + column->offset, column->len, (Datum) words[column->word]);
		else if (likely(!nulls[column->source]))
			put_value(data + column->offset, column->len, values[column->source]);
		else
		{
			put_value(data + column->offset, column->len, 0);
			bits[i / 8] |= 1 << i % 8;
		}
	}
	if (format->nfixed == format->ncolumns)
		return;
	for (i = format->nfixed; i < format->ncolumns; i++)
		if (nulls[format->columns[i].source])
			bits[i / 8] |= 1 << i % 8;
	put_pointers(format, data, values, nulls);
}

/* Columns beside the number and what the dictionary has. */
static inline void
put_beside(const CjFormat *format, char *data, const Datum *values, const bool *nulls)
{
	if (likely(format->keyed == CJ_ROW_LEAST))
		return;
	*(uint64 *) (data + format->keyed - CJ_ROW_LEAST) = 0;
	for (int i = format->number + 1; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];

		if (column->beside != 0)
			put_value(data + column->beside, column->len,
					  nulls[column->source] ? 0 : values[column->source]);
	}
}

static inline void
store_keyed(CjFormat *format, CjStore *store, const Datum *values,
			const bool *nulls, const uint64 *words, bool idle)
{
	const CjColumn *column = &format->columns[0];
	bool		null = nulls[column->source];
	uint64		key = null ? 0 : cj_format_bits(column->len, values[column->source]);
	uint64		word = idle ? CJ_WORD_IDLE : 0;
	uint32		code = null || format->codes->closed ? CJ_CODE_NONE :
		cj_row_codes_find(format, values, nulls, words);
	Size		size;

	if (likely(code != CJ_CODE_NONE))
	{
		word |= code;
		if (format->number >= 0)
		{
			column = &format->columns[format->number];
			if (!nulls[column->source])
				word |= cj_format_bits(column->len, values[column->source]) << CJ_WORD_SHIFT;
		}
		put_beside(format, cj_store_add_keyed(store, false, key, word, format->keyed)->data,
				   values, nulls);
		return;
	}
	size = cj_format_size(format, values, nulls);
	word |= (CJ_ROW_HEADER + size) << CJ_WORD_SHIFT | CJ_CODE_NONE;
	cj_format_put(format, cj_store_add_keyed(store, null, key, word, CJ_ROW_HEADER + size)->data,
				  size, values, nulls, words);
}

void
cj_format_store(CjFormat *format, CjStore *store, const Datum *values,
				const bool *nulls, const uint64 *words, bool idle)
{
	Size		size;
	CjStoredRow *row;

	if (format->keyed != 0)
	{
		store_keyed(format, store, values, nulls, words, idle);
		return;
	}
	size = cj_format_size(format, values, nulls);
	row = cj_store_add(store, hash_keys(format, values, nulls),
					   (CJ_ROW_HEADER + size) | (idle ? CJ_ROW_IDLE : 0));
	cj_format_put(format, row->data, size, values, nulls, words);
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
cj_format_get_all(const CjFormat *format, const char *data, Datum *values, bool *nulls)
{
	Size		at = format->fixed_size;

	for (int i = format->keyed != 0; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];
		Datum		value = cj_format_get(data + column->offset, column->len);

		if (column->word >= 0)
			put_answers(&format->words[column->word], (uint64) value, values, nulls);
		else
		{
			values[column->target] = value;
			nulls[column->target] = cj_format_null(format, data, i);
		}
	}
	for (int i = format->nfixed; i < format->ncolumns; i++)
	{
		const CjColumn *column = &format->columns[i];

		nulls[column->target] = cj_format_null(format, data, i);
		if (!nulls[column->target])
			values[column->target] = get_pointer(column, data, &at);
	}
}

/* All but the key of a row with a code. */
static inline void
load_common(const CjFormat *format, const CjRowCommon *common, const CjStoredRow *row,
			Datum *values, bool *nulls)
{
	for (int i = 0; i < format->ntargets; i++)
	{
		values[i] = common->values[i];
		nulls[i] = common->nulls[i];
	}
	if (format->number >= 0)
		values[format->columns[format->number].target] = cj_format_number(format, common, row);
	if (likely(format->keyed == CJ_ROW_LEAST))
		return;
	for (int i = format->number + 1; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];

		if (column->beside != 0)
			values[column->target] = cj_format_get(row->data + column->beside, column->len);
	}
}

void
cj_format_load(const CjFormat *format, const CjStore *store, const CjStoredRow *row,
			   Datum *values, bool *nulls)
{
	const CjColumn *key = &format->columns[0];
	const CjRowCommon *common = cj_format_common(format, row);

	if (common != NULL)
		load_common(format, common, row, values, nulls);
	else
		cj_format_get_all(format, row->data, values, nulls);
	if (format->keyed == 0)
		return;
	values[key->target] = cj_format_datum(key->len, store->arena->key);
	nulls[key->target] = cj_format_null(format, cj_format_data(common, row), 0);
}

/* Key values and their ends; keys come first among values that are not by-value. */
static Datum
key_value(const CjFormat *format, const CjStoredRow *row, int column)
{
	const CjColumn *wanted = &format->columns[column];
	Size		at = format->fixed_size;
	Datum		value = 0;

	if (column < format->nfixed)
		return cj_format_get(row->data + wanted->offset, wanted->len);
	for (int i = format->nfixed; i <= column; i++)
		if (!cj_format_null(format, row->data, i))
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

	for (int i = 0; i < format->nkeys; i++)
	{
		CjKey	   *key = &format->keys[i];
		Datum		x;
		Datum		y;
		bool		null = cj_format_null(format, a->data, key->column);

		if (null != cj_format_null(format, b->data, key->column))
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
