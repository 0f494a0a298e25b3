/*-------------------------------------------------------------------------
 *
 * phonetic.c
 *		What a name sounds like in Spanish.
 *
 * Spellings that most speakers pronounce alike get one key: h is silent, b and
 * v (and w) are one sound, c before e or i, s and z are one (as in the Americas
 * and much of the south), g and gu before e or i, j and x are one, ll and y are one,
 * qu, k and hard c are one, n stands for n with tilde and for m before a
 * consonant, doubled letters count once.  Vowels stay, since they are
 * what Spanish spelling gets right; i and y as vowels are one.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/identity.h"

static inline bool
is_front(char c)
{
	return c == 'e' || c == 'i' || c == 'y';
}

static inline bool
is_vowel(char c)
{
	return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

static inline bool
is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

/* The sound of the letter at w, '\0' if silent; *step letters are used up. */
static char
sound(const char *w, const char *end, int *step)
{
	char		next = w + 1 < end ? w[1] : ' ';
	char		after = w + 2 < end ? w[2] : ' ';

	*step = 1;
	switch (*w)
	{
		case 'h':
			return '\0';
		case 'v':
		case 'w':
			return 'B';
		case 'c':
			if (next == 'h')
			{
				*step = 2;
				return 'X';
			}
			return is_front(next) ? 'S' : 'K';
		case 's':
			if (next == 'c' && is_front(after))
				*step = 2;
			return 'S';
		case 'z':
			return 'S';
		case 'q':
			*step = next == 'u' ? 2 : 1;
			return 'K';
		case 'g':
			if (next == 'u' && is_front(after))
			{
				/* written with and without its u, so it cannot stay apart */
				*step = 2;
				return 'J';
			}
			return is_front(next) ? 'J' : 'G';
		case 'x':
			return 'J';
		case 'l':
			*step = next == 'l' ? 2 : 1;
			return next == 'l' ? 'Y' : 'L';
		case 'y':
			return is_vowel(next) ? 'Y' : 'I';
		case 'p':
			*step = next == 'h' ? 2 : 1;
			return next == 'h' ? 'F' : 'P';
		case 'm':
			return is_letter(next) && !is_vowel(next) && next != 'h' ? 'N' : 'M';
		default:
			return *w >= 'a' && *w <= 'z' ? *w - 32 : *w;
	}
}

int
cj_phonetic(const char *from, int len, char *to)
{
	char	   *words = palloc(2 * (Size) len + 1);
	int			n = cj_normalize(from, len, words);
	const char *end = words + n;
	char	   *out = to;
	char		last = ' ';

	for (const char *w = words; w < end;)
	{
		int			step;
		char		s = sound(w, end, &step);

		w += step;
		if (s == '\0' || (s == last && s >= 'A' && s <= 'Z'))
			continue;
		*out++ = last = s;
	}
	pfree(words);
	return (int) (out - to);
}
