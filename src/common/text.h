/*-------------------------------------------------------------------------
 *
 * text.h
 *		A stretch of bytes that someone else owns.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_TEXT_H
#define CJ_TEXT_H

/* A name or any other text, not NUL-terminated; data is NULL where there is none. */
typedef struct CjText
{
	const char *data;
	int32		len;
} CjText;

/*
 * The first bytes and the length, stirred: below CJ_TEXT_HINTS, enough to tell a
 * few names apart.
 */
#define CJ_TEXT_HINTS	64

static inline uint32
cj_text_hint(CjText it)
{
	uint64		word = 0;

	if (it.len >= 8)
		memcpy(&word, it.data, 8);
	else
		for (int i = 0; i < it.len; i++)
			word = word << 8 | (unsigned char) it.data[i];
	word = (word + it.len) * UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (word >> 58);
}

static inline bool
cj_text_same(CjText a, CjText b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Byte order, shorter first among equals: the order of names everywhere. */
static inline int
cj_text_compare(CjText a, CjText b)
{
	int			c = memcmp(a.data, b.data, Min(a.len, b.len));

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

#endif							/* CJ_TEXT_H */
