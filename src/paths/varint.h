/*-------------------------------------------------------------------------
 *
 * varint.h
 *		Numbers of seven bits a byte, written to and read from packed values.
 *
 * Reading never goes past the end: the first fault is kept, and what is read
 * after it is zero.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_VARINT_H
#define CJ_PATHS_VARINT_H

#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"

#include "common/text.h"

typedef struct CjReader
{
	const uint8 *at;
	const uint8 *end;
	const char *fault;			/* NULL while all is well */
} CjReader;

/* Bytes that a number takes. */
static inline int
cj_number_size(uint64 number)
{
	return number < 0x80 ? 1 : pg_leftmost_one_pos64(number) / 7 + 1;
}

/* Writes a number where there is room; returns what follows. */
static inline char *
cj_write_number(char *at, uint64 number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = (char) (0x80 | (number & 0x7f));
	*at++ = (char) number;
	return at;
}

static inline void
cj_put_number(StringInfo to, uint64 number)
{
	for (; number >= 0x80; number >>= 7)
		appendStringInfoCharMacro(to, (char) (0x80 | (number & 0x7f)));
	appendStringInfoCharMacro(to, (char) number);
}

static inline void
cj_put_text(StringInfo to, CjText it)
{
	cj_put_number(to, it.len);
	appendBinaryStringInfo(to, it.data, it.len);
}

static inline uint64
cj_get_number(CjReader *reader)
{
	uint64		number = 0;

	if (likely(reader->at < reader->end && *reader->at < 0x80))
		return *reader->at++;
	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8		byte;

		if (reader->at >= reader->end)
			break;
		byte = *reader->at++;
		if (shift == 63 && byte > 1)
			break;
		number |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return number;
	}
	if (reader->fault == NULL)
		reader->fault = "It ends too early, or a number is too large.";
	return 0;
}

/* A number up to a limit. */
static inline int64
cj_get_limited(CjReader *reader, int64 limit)
{
	uint64		number = cj_get_number(reader);

	if (limit >= 0 && number <= (uint64) limit)
		return (int64) number;
	if (reader->fault == NULL)
		reader->fault = "A number is out of range.";
	return 0;
}

/* A text of up to "most" bytes, where it stands. */
static inline CjText
cj_get_text(CjReader *reader, int64 most)
{
	CjText		it = {(const char *) reader->at, 0};
	int64		len = cj_get_limited(reader, most);

	if (reader->fault == NULL && len > reader->end - reader->at)
		reader->fault = "A text ends too late.";
	if (reader->fault != NULL)
		return it;
	it.data = (const char *) reader->at;
	it.len = (int32) len;
	reader->at += len;
	return it;
}

#endif							/* CJ_PATHS_VARINT_H */
