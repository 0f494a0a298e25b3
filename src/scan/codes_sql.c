/*-------------------------------------------------------------------------
 *
 * codes_sql.c
 *		Codes for what stored rows have in common.
 *
 * In tables of events names and other properties repeat, and times are near each
 * other.  What a row has besides its key and 48 bits of one number is looked up in
 * a dictionary, as a whole, and stored as a code of 15 bits.  Any row may be stored
 * without a code, in full, at what it would have taken anyway: those with a long
 * value, those that come when the dictionary is full.  If too many do, it is not
 * asked any more.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scan/exchange.h"
#include "scan/format.h"

#define FIRST_ENTRIES	128		/* a power of two */
#define LARGEST_VALUE	128		/* bytes of one that is not by-value */
#define MOST_COLUMNS	64
#define PIECE			(16 * 1024)
#define MOST_PROBES		64		/* of the table */

/* Memory, unless a store has little: 32,767 entries of short names. */
#define LARGEST			((Size) 8 * 1024 * 1024)

/* From how many entries on most rows should have had one that was there. */
#define TRIAL_ENTRIES	8192

/* After how many rows without a code it is seen whether they were most. */
#define TRIAL_MISSES	1024

static void
take_memory(CjRowCodes *codes, int64 bytes)
{
	codes->memory += bytes;
	cj_arena_charge(codes->arena, bytes);
}

static void
create_table(CjRowCodes *codes)
{
	codes->table_size = 2 * codes->capacity;
	codes->table = MemoryContextAllocZero(codes->arena->context,
										  codes->table_size * sizeof(uint64));
	take_memory(codes, codes->table_size * sizeof(uint64) +
				codes->capacity * sizeof(CjRowCommon *));
}

/* Each of so many processes has as many. */
static uint32
most_entries(const CjExchange *exchange)
{
	return exchange == NULL ? CJ_CODE_NONE : CJ_CODE_NONE / cj_exchange_processes(exchange);
}

CjRowCodes *
cj_row_codes_create(const CjFormat *format, CjArena *arena, const CjExchange *exchange)
{
	MemoryContext context = arena->context;
	CjRowCodes *codes = MemoryContextAllocZero(context, sizeof(CjRowCodes));

	codes->arena = arena;
	codes->limit = Min(arena->limit / 8, LARGEST);
	codes->most = most_entries(exchange);
	if (exchange != NULL)
		codes->first = codes->most * cj_exchange_process(exchange);
	if (format->ncolumns > MOST_COLUMNS)
	{
		codes->full = codes->closed = true;
		return codes;
	}
	codes->nwords = 1;
	for (int i = 1; i < format->ncolumns; i++)
		codes->nwords += !format->columns[i].byval ? 3 : format->columns[i].beside == 0 ? 1 : 0;
	codes->wanted = MemoryContextAllocZero(context, codes->nwords * sizeof(uint64));
	codes->capacity = FIRST_ENTRIES;
	codes->entries = MemoryContextAlloc(context, codes->capacity * sizeof(CjRowCommon *));
	create_table(codes);
	return codes;
}

/* ---- what is looked for ---- */

/* The first and the last bytes of a value; with its size they are all up to 16. */
static inline void
ends_of(const char *bytes, Size size, uint64 *first, uint64 *last)
{
	if (size >= sizeof(uint64))
	{
		memcpy(first, bytes, sizeof(uint64));
		memcpy(last, bytes + size - sizeof(uint64), sizeof(uint64));
	}
	else if (size >= sizeof(uint32))
	{
		uint32		low;
		uint32		high;

		memcpy(&low, bytes, sizeof(uint32));
		memcpy(&high, bytes + size - sizeof(uint32), sizeof(uint32));
		*first = low;
		*last = high;
	}
	else
	{
		*first = (unsigned char) bytes[0];
		*last = (uint64) (unsigned char) bytes[size / 2] << 8 | (unsigned char) bytes[size - 1];
	}
}

/* The bytes of a value that is not by-value, or one too many if it is too long. */
static inline Size
size_of(const CjColumn *column, const char *value)
{
	if (column->len > 0)
		return column->len;
	if (column->len == -2)
		return strnlen(value, LARGEST_VALUE) + 1;
	return VARATT_IS_EXTERNAL(value) ? LARGEST_VALUE + 1 : VARSIZE_ANY(value);
}

/* Multiplications do not wait for one another; bits that are low go up in the end. */
static inline uint64
mix(uint64 hash, uint64 word)
{
	return (hash << 23 | hash >> 41) ^ word * UINT64CONST(0x9E3779B97F4A7C15);
}

/* What lies between the ends, in words of which the last may overlap the end. */
static pg_noinline uint64
mix_middle(uint64 hash, const char *bytes, Size size)
{
	for (Size at = sizeof(uint64); at + sizeof(uint64) < size; at += sizeof(uint64))
	{
		uint64		word;

		memcpy(&word, bytes + at, sizeof(word));
		hash = mix(hash, word ^ hash >> 29);
	}
	return hash;
}

/* Gathers the words of the entry of a row; false if there can be none. */
static inline bool
gather(const CjFormat *format, uint64 *wanted, const Datum *values, const bool *nulls,
	   const uint64 *words, uint64 *hashed)
{
	uint64		absent = 0;
	uint64		hash = 0;

	for (int i = 1; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];
		uint64		word = 0;

		if (column->word >= 0)
			word = words[column->word];
		else if (unlikely(nulls[column->source]))
			absent |= UINT64CONST(1) << i;
		else if (i == format->number)
			word = cj_format_bits(column->len, values[column->source]) >> CJ_NUMBER_BITS;
		else if (column->beside == 0)
			word = cj_format_bits(column->len, values[column->source]);
		if (column->beside != 0)
			continue;
		hash = mix(hash, word);
		*wanted++ = word;
	}
	for (int i = format->nfixed; i < format->ncolumns; i++, wanted += 3)
	{
		const CjColumn *column = &format->columns[i];
		const char *value = DatumGetPointer(values[column->source]);
		Size		size = 0;

		wanted[0] = wanted[1] = wanted[2] = 0;
		if (unlikely(nulls[column->source]))
		{
			absent |= UINT64CONST(1) << i;
			continue;
		}
		size = size_of(column, value);
		if (unlikely(size > LARGEST_VALUE))
			return false;
		ends_of(value, size, &wanted[0], &wanted[1]);
		wanted[2] = size;
		hash = mix(mix(hash, wanted[0]), wanted[1] + size);
		if (size > 2 * sizeof(uint64))
			hash = mix_middle(hash, value, size);
	}
	*wanted = absent;
	hash ^= absent;
	hash = (hash ^ hash >> 32) * UINT64CONST(0xbf58476d1ce4e5b9);
	*hashed = hash ^ hash >> 32;
	return true;
}

/* Is it the entry of these words, and of values that are longer than they tell? */
static inline bool
same_row(const CjFormat *format, const CjRowCommon *entry, const uint64 *wanted, const Datum *values)
{
	int			nwords = format->codes->nwords;

	for (int i = 0; i < nwords; i++)
		if (entry->words[i] != wanted[i])
			return false;
	wanted += nwords - 1;
	for (int i = format->ncolumns; i-- > format->nfixed;)
	{
		const CjColumn *column = &format->columns[i];
		Size		size = *--wanted;

		wanted -= 2;
		if (size > 2 * sizeof(uint64) &&
			memcmp(DatumGetPointer(values[column->source]),
				   DatumGetPointer(entry->values[column->target]), size) != 0)
			return false;
	}
	return true;
}

/* ---- entries ---- */

/* Twice the room; false if that would be too much, or more than codes can tell. */
static bool
grow(CjRowCodes *codes)
{
	uint64	   *old = codes->table;
	uint32		old_size = codes->table_size;
	Size		used = old_size * sizeof(uint64) + codes->capacity * sizeof(CjRowCommon *);

	if (codes->capacity >= codes->most || codes->memory + used > codes->limit)
		return false;
	take_memory(codes, -(int64) used);
	codes->capacity *= 2;
	codes->entries = repalloc(codes->entries, codes->capacity * sizeof(CjRowCommon *));
	create_table(codes);
	for (uint32 i = 0; i < old_size; i++)
	{
		uint32		slot = old[i] >> 32 & (codes->table_size - 1);

		if (old[i] == 0)
			continue;
		while (codes->table[slot] != 0)
			slot = (slot + 1) & (codes->table_size - 1);
		codes->table[slot] = old[i];
	}
	pfree(old);
	return true;
}

/* What an entry takes, its data excepted. */
static Size
entry_size(const CjFormat *format)
{
	return MAXALIGN(offsetof(CjRowCommon, words) + format->codes->nwords * sizeof(uint64) +
					format->ntargets * (sizeof(Datum) + sizeof(bool)));
}

/* Entries are small and many: cut from larger pieces. */
static void *
get_room(CjRowCodes *codes, Size size)
{
	char	   *room;

	if (size > codes->room_left)
	{
		codes->room_left = Max(size, codes->count < FIRST_ENTRIES ? PIECE / 8 : PIECE);
		codes->room = MemoryContextAlloc(codes->arena->context, codes->room_left);
		take_memory(codes, codes->room_left);
	}
	room = codes->room;
	codes->room += size;
	codes->room_left -= size;
	return memset(room, 0, size);
}

/* Its values, from its data; "room" follows its words. */
static void
read_entry(const CjFormat *format, CjRowCommon *entry, void *room)
{
	entry->values = room;
	entry->nulls = (bool *) (entry->values + format->ntargets);
	cj_format_get_all(format, entry->data, entry->values, entry->nulls);
	if (format->number >= 0)
	{
		const CjColumn *column = &format->columns[format->number];

		entry->number = cj_format_bits(column->len, entry->values[column->target]) >>
			CJ_NUMBER_BITS << CJ_NUMBER_BITS;
	}
}

/* An entry as wanted, from a row that has it. */
static CjRowCommon *
create_entry(CjFormat *format, const Datum *values, const bool *nulls, const uint64 *words)
{
	CjRowCodes *codes = format->codes;
	Size		size = cj_format_size(format, values, nulls);
	Size		head = entry_size(format);
	CjRowCommon *entry = get_room(codes, head + size);

	memcpy(entry->words, codes->wanted, codes->nwords * sizeof(uint64));
	entry->data = (char *) entry + head;
	entry->size = size;
	cj_format_put(format, entry->data, size, values, nulls, words);
	read_entry(format, entry, entry->words + codes->nwords);
	return entry;
}

/* Is it of use, if it grows? */
static bool
worth_growing(const CjRowCodes *codes)
{
	return codes->count < TRIAL_ENTRIES ||
		codes->lookups > (int64) codes->count * 3 / 2;
}

/* A row that gets no code. */
static uint32
missed(CjRowCodes *codes)
{
	if (++codes->misses == TRIAL_MISSES)
	{
		codes->closed = codes->lookups - codes->seen < 2 * TRIAL_MISSES;
		codes->seen = codes->lookups;
		codes->misses = 0;
	}
	return CJ_CODE_NONE;
}

/* What was looked for is not there: its code if it is put there. */
static pg_noinline uint32
add_entry(CjFormat *format, const Datum *values, const bool *nulls, const uint64 *words,
		  uint32 slot, uint64 tag)
{
	CjRowCodes *codes = format->codes;

	if (!codes->full && codes->count == codes->capacity)
	{
		if (!worth_growing(codes))
			codes->full = codes->closed = true;
		else if (!grow(codes))
			codes->full = true;
		else
			for (slot = tag >> 32 & (codes->table_size - 1); codes->table[slot] != 0;)
				slot = (slot + 1) & (codes->table_size - 1);
	}
	if (!codes->full && codes->table[slot] == 0)
	{
		codes->entries[codes->count] = create_entry(format, values, nulls, words);
		codes->table[slot] = tag | (codes->count + 1);
		codes->full = codes->memory >= codes->limit ||
			codes->count + 1 == codes->most;
		return codes->first + codes->count++;
	}
	return missed(codes);
}

uint32
cj_row_codes_find(CjFormat *format, const Datum *values, const bool *nulls, const uint64 *words)
{
	CjRowCodes *codes = format->codes;
	uint32		mask = codes->table_size - 1;
	uint64		hash;
	uint64		tag;
	uint32		slot;

	codes->lookups++;
	if (unlikely(!gather(format, codes->wanted, values, nulls, words, &hash)))
		return missed(codes);
	tag = hash & ~(uint64) PG_UINT16_MAX;
	slot = hash >> 32 & mask;
	for (int n = 0; n < MOST_PROBES; n++)
	{
		uint64		found = codes->table[slot];

		if (found == 0)
			break;
		if (likely((found ^ tag) <= PG_UINT16_MAX) &&
			likely(same_row(format, codes->entries[(found & PG_UINT16_MAX) - 1],
							codes->wanted, values)))
			return codes->first + (uint32) (found & PG_UINT16_MAX) - 1;
		slot = (slot + 1) & mask;
	}
	return add_entry(format, values, nulls, words, slot, tag);
}

/* ---- of processes that share rows ---- */

/* What is given: how many entries, and of each the size of its data, and these. */
void
cj_row_codes_give(const CjRowCodes *codes, CjExchange *exchange)
{
	Size		size = sizeof(uint64);
	uint64	   *to;

	for (uint32 i = 0; i < codes->count; i++)
		size += sizeof(uint64) + codes->entries[i]->size;
	to = (uint64 *) cj_exchange_give(exchange, size);
	*to++ = codes->count;
	for (uint32 i = 0; i < codes->count; i++)
	{
		const CjRowCommon *entry = codes->entries[i];

		*to++ = entry->size;
		memcpy(to, entry->data, entry->size);
		to += entry->size / sizeof(uint64);
	}
}

CjRowCodes *
cj_row_codes_take(const CjFormat *format, CjArena *arena, CjExchange *exchange)
{
	MemoryContext context = arena->context;
	CjRowCodes *codes = MemoryContextAllocZero(context, sizeof(CjRowCodes));
	Size		head = MAXALIGN(offsetof(CjRowCommon, words) +
								format->ntargets * (sizeof(Datum) + sizeof(bool)));
	int			nprocesses = cj_exchange_processes(exchange);

	codes->arena = arena;
	codes->most = most_entries(exchange);
	/* what no process has is not touched, and takes no memory */
	codes->entries = MemoryContextAlloc(context, nprocesses * codes->most * sizeof(CjRowCommon *));
	for (int i = 0; i < nprocesses; i++)
	{
		uint64	   *from = (uint64 *) cj_exchange_given(exchange, i);
		CjRowCommon **entries = codes->entries + i * codes->most;
		uint64		count = from == NULL ? 0 : *from++;

		take_memory(codes, count * sizeof(CjRowCommon *));
		for (; count > 0; count--)
		{
			CjRowCommon *entry = get_room(codes, head);

			entry->size = *from++;
			entry->data = (char *) from;
			read_entry(format, entry, entry->words);
			from += entry->size / sizeof(uint64);
			*entries++ = entry;
		}
	}
	return codes;
}
