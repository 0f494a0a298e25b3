/*-------------------------------------------------------------------------
 *
 * matcher.c
 *		Jaro, Jaro-Winkler, Levenshtein and optimal string alignment.
 *
 * Strings of up to 64 characters are compared bit-parallel: a word holds one
 * bit a position of the prepared string, so that a step costs a table lookup
 * and a few logical operations whatever its length (Myers 1999 and Hyyro 2003
 * for the edit distances; the same position sets give Jaro's greedy matching).
 * When both strings are longer, plain dynamic programming and scanning answer.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "identity/identity.h"

static inline uint32
high_slot(uint32 c)
{
	return (c * 0x9E3779B1u) >> 25;
}

void
cj_text_matcher_set(CjTextMatcher *matcher, CjChars pattern)
{
	for (int i = 0; i < matcher->nset; i++)
		if (matcher->set[i] < 256)
			matcher->low[matcher->set[i]] = 0;
	if (matcher->has_high)
		memset(matcher->high_bits, 0, sizeof(matcher->high_bits));
	matcher->has_high = false;
	matcher->pattern = pattern;
	matcher->nset = pattern.n <= CJ_MATCHER_BITS ? pattern.n : 0;
	for (int i = 0; i < matcher->nset; i++)
	{
		uint32		c = pattern.c[i];

		matcher->set[i] = c;
		if (c < 256)
			matcher->low[c] |= UINT64CONST(1) << i;
		else
		{
			uint32		slot = high_slot(c);

			while (matcher->high_bits[slot] != 0 && matcher->high_char[slot] != c)
				slot = (slot + 1) % CJ_MATCHER_SLOTS;
			matcher->high_char[slot] = c;
			matcher->high_bits[slot] |= UINT64CONST(1) << i;
			matcher->has_high = true;
		}
	}
}

/* The positions of c in the pattern. */
static inline uint64
positions(const CjTextMatcher *matcher, uint32 c)
{
	uint32		slot;

	if (c < 256)
		return matcher->low[c];
	if (!matcher->has_high)
		return 0;
	slot = high_slot(c);
	while (matcher->high_bits[slot] != 0 && matcher->high_char[slot] != c)
		slot = (slot + 1) % CJ_MATCHER_SLOTS;
	return matcher->high_bits[slot];
}

/* Quotients of small numbers: three divisions take longer than all else. */
#define QUOTIENTS	32

static double quotients[QUOTIENTS + 1][QUOTIENTS + 1];

static inline double
quotient(int a, int b)
{
	if (b > QUOTIENTS)
		return (double) a / b;
	if (unlikely(quotients[b][b] == 0))
		for (int i = 0; i <= b; i++)
			quotients[b][i] = (double) i / b;
	return quotients[b][a];
}

/* matches <= n, m */
static inline double
jaro_score(int matches, int transposed, int n, int m)
{
	return (quotient(matches, n) + quotient(matches, m) +
			quotient(matches - transposed / 2, matches)) / 3.0;
}

/* Jaro when both strings are longer than a word. */
static double
jaro_long(CjChars a, CjChars b)
{
	int			window = Max(0, Max(a.n, b.n) / 2 - 1);
	bool	   *taken = palloc0_array(bool, b.n);
	int		   *order = palloc_array(int, a.n);
	int			matches = 0;
	int			transposed = 0;
	int			k = 0;
	double		score;

	for (int i = 0; i < a.n; i++)
	{
		int			to = Min(b.n - 1, i + window);

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		for (int j = Max(0, i - window); j <= to; j++)
			if (!taken[j] && a.c[i] == b.c[j])
			{
				taken[j] = true;
				order[matches++] = i;
				break;
			}
	}
	for (int j = 0; j < b.n; j++)
		if (taken[j])
			transposed += a.c[order[k++]] != b.c[j];
	score = matches == 0 ? 0.0 : jaro_score(matches, transposed, a.n, b.n);
	pfree(taken);
	pfree(order);
	return score;
}

/*
 * Jaro by bits: the pattern fits a word.  "text" is n bytes of ASCII, or n code
 * points; the compiler makes one function of each.
 */
static pg_attribute_always_inline double
jaro_bits(const CjTextMatcher *matcher, const void *text, int n, bool bytes)
{
	CjChars		pattern = matcher->pattern;
	int			window = Max(0, Max(pattern.n, n) / 2 - 1);
	uint32		order[CJ_MATCHER_BITS + 1];
	uint64		taken = 0;
	uint64		mask;
	int			last;
	int			matches = 0;
	int			transposed = 0;

	/* the window moves along as a mask; nothing here depends on a guess */
	mask = window + 1 < CJ_MATCHER_BITS ? (UINT64CONST(1) << (window + 1)) - 1 : ~UINT64CONST(0);
	last = Min(n, pattern.n + window);
	for (int i = 0; i < last; i++)
	{
		uint32		c = bytes ? ((const uint8 *) text)[i] : ((const uint32 *) text)[i];
		uint64		found = (bytes ? matcher->low[c] : positions(matcher, c)) & mask & ~taken;

		taken |= found & -found;
		order[matches] = c;

		matches += found != 0;
		mask = mask << 1 | (i < window);
	}
	if (matches == 0)
		return 0.0;
	for (int k = 0; k < matches; k++)
	{
		transposed += pattern.c[pg_rightmost_one_pos64(taken)] != order[k];
		taken &= taken - 1;
	}
	return jaro_score(matches, transposed, pattern.n, n);
}

double
cj_jaro(const CjTextMatcher *matcher, CjChars text)
{
	CjChars		pattern = matcher->pattern;

	if (pattern.n == 0 || text.n == 0)
		return pattern.n == text.n ? 1.0 : 0.0;

	if (pattern.n > CJ_MATCHER_BITS)
	{
		CjTextMatcher other;

		if (text.n > CJ_MATCHER_BITS)
			return jaro_long(pattern, text);
		memset(&other, 0, sizeof(other));
		cj_text_matcher_set(&other, text);
		return cj_jaro(&other, pattern);
	}
	return jaro_bits(matcher, text.c, text.n, false);
}

/* Winkler's addition for so many equal characters at the start. */
static inline double
boost(double jaro, int prefix, double prefix_scale)
{
	return jaro + prefix * prefix_scale * (1.0 - jaro);
}

double
cj_jaro_winkler(const CjTextMatcher *matcher, CjChars text,
				double prefix_scale, double boost_from)
{
	double		jaro = cj_jaro(matcher, text);
	int			most = Min(4, Min(matcher->pattern.n, text.n));
	int			prefix = 0;

	if (jaro <= boost_from)
		return jaro;
	while (prefix < most && matcher->pattern.c[prefix] == text.c[prefix])
		prefix++;
	return boost(jaro, prefix, prefix_scale);
}

static bool
is_ascii(const char *bytes, int n)
{
	uint64		word;
	uint64		seen = 0;
	int			i = 0;

	for (; i + 8 <= n; i += 8)
	{
		memcpy(&word, bytes + i, 8);
		seen |= word;
	}
	for (; i < n; i++)
		seen |= (uint8) bytes[i];
	return (seen & UINT64CONST(0x8080808080808080)) == 0;
}

bool
cj_jaro_winkler_ascii(const CjTextMatcher *matcher, const char *bytes, int n, double *similarity)
{
	int			most = Min(4, Min(matcher->pattern.n, n));
	int			prefix = 0;
	double		jaro;

	if (matcher->pattern.n == 0 || matcher->pattern.n > CJ_MATCHER_BITS || n == 0 ||
		!is_ascii(bytes, n))
		return false;
	jaro = jaro_bits(matcher, bytes, n, true);
	if (jaro > CJ_BOOST_FROM)
	{
		while (prefix < most && matcher->pattern.c[prefix] == (uint8) bytes[prefix])
			prefix++;
		jaro = boost(jaro, prefix, CJ_PREFIX_SCALE);
	}
	*similarity = jaro;
	return true;
}

/*
 * Edit distance by rows, with swaps of neighbours if asked; for strings that
 * are both longer than a word.  A row whose least entry is beyond max ends it.
 */
static int
distance_long(CjChars a, CjChars b, bool swaps, int max)
{
	int		   *rows = palloc_array(int, 3 * (Size) (b.n + 1));
	int		   *before = rows;
	int		   *above = rows + b.n + 1;
	int		   *row = rows + 2 * (b.n + 1);
	int			distance;

	for (int j = 0; j <= b.n; j++)
		above[j] = j;
	for (int i = 1; i <= a.n; i++)
	{
		int			least = i;
		int		   *spare = before;

		CHECK_FOR_INTERRUPTS();
		row[0] = i;
		for (int j = 1; j <= b.n; j++)
		{
			int			d = above[j - 1] + (a.c[i - 1] != b.c[j - 1]);

			d = Min(d, Min(above[j], row[j - 1]) + 1);
			if (swaps && i > 1 && j > 1 && a.c[i - 1] == b.c[j - 2] &&
				a.c[i - 2] == b.c[j - 1])
				d = Min(d, before[j - 2] + 1);
			row[j] = d;
			least = Min(least, d);
		}
		before = above;
		above = row;
		row = spare;
		if (max >= 0 && least > max && !swaps)
			break;
	}
	distance = above[b.n];
	pfree(rows);
	return max >= 0 && distance > max ? max + 1 : distance;
}

/* Both distances: "swaps" makes two neighbours that changed places one edit. */
static inline int
distance(const CjTextMatcher *matcher, CjChars text, bool swaps, int max)
{
	CjChars		pattern = matcher->pattern;
	uint64		vp = ~UINT64CONST(0);
	uint64		vn = 0;
	uint64		d0 = 0;
	uint64		previous = 0;
	uint64		last;
	int			d = pattern.n;

	if (max >= 0 && abs(pattern.n - text.n) > max)
		return max + 1;
	if (pattern.n == 0)
		return text.n;

	if (pattern.n > CJ_MATCHER_BITS)
	{
		CjTextMatcher other;

		if (text.n > CJ_MATCHER_BITS)
			return distance_long(pattern, text, swaps, max);
		memset(&other, 0, sizeof(other));
		cj_text_matcher_set(&other, text);
		return swaps ? cj_osa(&other, pattern, max) : cj_levenshtein(&other, pattern, max);
	}
	last = UINT64CONST(1) << (pattern.n - 1);
	for (int i = 0; i < text.n; i++)
	{
		uint64		pm = positions(matcher, text.c[i]);
		uint64		hp;
		uint64		hn;
		uint64		swapped = swaps ? ((~d0 & pm) << 1) & previous : 0;

		d0 = (((pm & vp) + vp) ^ vp) | pm | vn | swapped;
		hp = vn | ~(d0 | vp);
		hn = d0 & vp;
		d += (hp & last) != 0;
		d -= (hn & last) != 0;
		hp = hp << 1 | 1;
		hn <<= 1;
		vp = hn | ~(d0 | hp);
		vn = hp & d0;
		previous = pm;
		if (max >= 0 && d - (text.n - 1 - i) >max)
			return max + 1;
	}
	return max >= 0 && d > max ? max + 1 : d;
}

int
cj_levenshtein(const CjTextMatcher *matcher, CjChars text, int max)
{
	return distance(matcher, text, false, max);
}

int
cj_osa(const CjTextMatcher *matcher, CjChars text, int max)
{
	return distance(matcher, text, true, max);
}
