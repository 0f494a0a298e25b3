/*-------------------------------------------------------------------------
 *
 * codepoints.c
 *		UTF-8 to code points, and letters without case and marks.
 *
 * Independent of locale and collation: the same text folds the same on every
 * server, which is what lets the SQL functions be immutable.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/fold_table.h"
#include "identity/identity.h"

static inline bool
is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

int
cj_decode(const char *from, int len, uint32 *to)
{
	const unsigned char *s = (const unsigned char *) from;
	const unsigned char *end = s + len;
	int			n = 0;

	/* plain ASCII is most of what comes */
	while (s < end && *s < 0x80)
		to[n++] = *s++;
	while (s < end)
	{
		uint32		c = *s;

		if (c < 0x80)
			s++;
		else if (c >= 0xC2 && c < 0xE0 && end - s >= 2 && is_continuation(s[1]))
		{
			c = (c & 0x1F) << 6 | (s[1] & 0x3F);
			s += 2;
		}
		else if (c >= 0xE0 && c < 0xF0 && end - s >= 3 &&
				 is_continuation(s[1]) && is_continuation(s[2]))
		{
			c = (c & 0x0F) << 12 | (uint32) (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
			s += 3;
		}
		else if (c >= 0xF0 && c < 0xF5 && end - s >= 4 && is_continuation(s[1]) &&
				 is_continuation(s[2]) && is_continuation(s[3]))
		{
			c = (c & 0x07) << 18 | (uint32) (s[1] & 0x3F) << 12 |
				(uint32) (s[2] & 0x3F) << 6 | (s[3] & 0x3F);
			s += 4;
		}
		else
			s++;
		to[n++] = c;
	}
	return n;
}

int
cj_encode(uint32 c, char *to)
{
	if (c < 0x80)
	{
		to[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		to[0] = (char) (0xC0 | c >> 6);
		to[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		to[0] = (char) (0xE0 | c >> 12);
		to[1] = (char) (0x80 | (c >> 6 & 0x3F));
		to[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	to[0] = (char) (0xF0 | c >> 18);
	to[1] = (char) (0x80 | (c >> 12 & 0x3F));
	to[2] = (char) (0x80 | (c >> 6 & 0x3F));
	to[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

/* A table's entry as code points; 0 entries leave c as it is. */
static int
from_table(const char entry[2], uint32 c, uint32 *to)
{
	to[0] = entry[0] ? (unsigned char) entry[0] : c;
	to[1] = (unsigned char) entry[1];
	return entry[1] ? 2 : 1;
}

int
cj_fold(uint32 c, uint32 *to)
{
	if (c < 0xC0)
	{
		to[0] = c >= 'A' && c <= 'Z' ? c + 32 : c == 0xAA ? 'a' : c == 0xBA ? 'o' : c;
		return 1;
	}
	if (c <= 0x24F)
		return from_table(fold_latin[c - 0xC0], c, to);
	if (c >= 0x300 && c <= 0x36F)
		return 0;				/* combining marks */
	if (c >= 0x1E00 && c <= 0x1EFF)
		return from_table(fold_additional[c - 0x1E00], c, to);
	to[0] = c;
	if ((c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F))
		to[0] = c + 32;			/* Greek, Cyrillic capitals */
	else if (c >= 0x400 && c <= 0x40F)
		to[0] = c + 80;
	return 1;
}

bool
cj_is_word(uint32 c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
	if (c < 0xC0)
		return c == 0xAA || c == 0xBA;
	if (c == 0xD7 || c == 0xF7)
		return false;
	return !((c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x303F) ||
			 c == 0xFEFF || c == 0xFFFD);
}

static inline bool
is_apostrophe(uint32 c)
{
	return c == '\'' || c == '`' || c == 0xB4 || c == 0x2019 || c == 0x2018 || c == 0x2BC;
}

int
cj_normalize(const char *from, int len, char *to)
{
	const char *end = from + len;
	char	   *out = to;
	bool		gap = false;

	while (from < end)
	{
		int			step = Min(4, (int) (end - from));
		uint32		c[4];
		uint32		folded[2];
		int			n;

		/* decode one code point: its length is where the second one starts */
		if ((unsigned char) *from < 0x80)
		{
			c[0] = (unsigned char) *from;
			step = 1;
		}
		else
		{
			int			size = 1;

			while (size < step && is_continuation((unsigned char) from[size]))
				size++;
			step = cj_decode(from, size, c) == 1 ? size : 1;
		}
		from += step;
		if (is_apostrophe(c[0]))
			continue;
		n = cj_fold(c[0], folded);
		if (n == 0)
			continue;
		if (!cj_is_word(folded[0]))
		{
			gap = out > to;
			continue;
		}
		if (gap)
			*out++ = ' ';
		gap = false;
		for (int i = 0; i < n; i++)
			out += cj_encode(folded[i], out);
	}
	return (int) (out - to);
}
