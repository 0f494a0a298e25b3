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

/* Byte order, shorter first among equals: the order of names everywhere. */
static inline int
cj_text_compare(CjText a, CjText b)
{
	int			c = memcmp(a.data, b.data, Min(a.len, b.len));

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

#endif							/* CJ_TEXT_H */
