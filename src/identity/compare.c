/*-------------------------------------------------------------------------
 *
 * compare.c
 *		How much two values of a field agree.
 *
 * The left value stays prepared while it is compared with many right ones, and
 * a small direct-mapped memory answers pairs of values that were compared
 * before, which is most of them when names are common.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

#define MEMO_BITS	14
#define MEMO_SIZE	(1 << MEMO_BITS)

typedef struct CjMemo
{
	uint64		pair[MEMO_SIZE];
	int8		level[MEMO_SIZE];
} CjMemo;

#define EMAIL_SIMILAR	0.88

static const struct
{
	const char *name;
	CjCompare	kind;
	CjNormalizer normalizer;
	int			nthresholds;
	double		threshold[3];
}			kinds[] = {
	{"exact", CJ_COMPARE_EXACT, CJ_NORM_RAW, 0, {0}},
	{"jaro_winkler", CJ_COMPARE_JARO_WINKLER, CJ_NORM_RAW, 3, {0.92, 0.88, 0.7}},
	{"jaro", CJ_COMPARE_JARO, CJ_NORM_RAW, 2, {0.9, 0.7}},
	{"levenshtein", CJ_COMPARE_LEVENSHTEIN, CJ_NORM_RAW, 2, {1, 2}},
	{"osa", CJ_COMPARE_OSA, CJ_NORM_RAW, 2, {1, 2}},
	{"text", CJ_COMPARE_JARO_WINKLER, CJ_NORM_TEXT, 2, {0.92, 0.8}},
	{"name", CJ_COMPARE_NAME, CJ_NORM_NAME, 3, {0.92, 0.84, 0.7}},
	{"email", CJ_COMPARE_EMAIL, CJ_NORM_EMAIL, 3, {0, EMAIL_SIMILAR, EMAIL_SIMILAR}},
	{"date", CJ_COMPARE_DATE, CJ_NORM_DATE, 3, {0.9, 0.75, 0.4}},
	{"phone", CJ_COMPARE_OSA, CJ_NORM_PHONE, 1, {1}},
	{"document", CJ_COMPARE_OSA, CJ_NORM_DOCUMENT, 1, {1}},
	{"postcode", CJ_COMPARE_PREFIX, CJ_NORM_TEXT, 2, {3, 2}},
};

bool
cj_compare_kind(CjText name, CjComparison *comparison, CjNormalizer *normalizer)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if ((int) strlen(kinds[i].name) != name.len ||
			memcmp(kinds[i].name, name.data, name.len) != 0)
			continue;
		comparison->kind = kinds[i].kind;
		comparison->kind_name = kinds[i].name;
		comparison->nthresholds = kinds[i].nthresholds;
		memcpy(comparison->threshold, kinds[i].threshold, sizeof(kinds[i].threshold));
		*normalizer = kinds[i].normalizer;
		return true;
	}
	return false;
}

void
cj_compare_prepare(CjComparison *comparison, MemoryContext context)
{
	comparison->left = MemoryContextAllocZero(context, sizeof(CjTextMatcher));
	comparison->left_user = MemoryContextAllocZero(context, sizeof(CjTextMatcher));
	comparison->spare = MemoryContextAllocZero(context, sizeof(CjTextMatcher));
	comparison->memo = NULL;
	comparison->left_code = -1;
	if (comparison->kind != CJ_COMPARE_EXACT && comparison->kind != CJ_COMPARE_PREFIX)
		comparison->memo = MemoryContextAllocZero(context, sizeof(CjMemo));
}

void
cj_compare_forget(CjComparison *comparison)
{
	comparison->left_code = -1;
	if (comparison->memo != NULL)
		memset(comparison->memo, 0, sizeof(CjMemo));
}

/* The first threshold that a similarity reaches, as a level. */
static inline int
level_reached(const CjComparison *comparison, double similarity)
{
	for (int i = 0; i < comparison->nthresholds; i++)
		if (similarity >= comparison->threshold[i])
			return comparison->nlevels - 2 - i;
	return 0;
}

static inline int
level_within(const CjComparison *comparison, int distance)
{
	for (int i = 0; i < comparison->nthresholds; i++)
		if (distance <= comparison->threshold[i])
			return comparison->nlevels - 2 - i;
	return 0;
}

static CjChars
user_part(CjChars email)
{
	for (int i = 0; i < email.n; i++)
		if (email.c[i] == '@')
			email.n = i;
	return email;
}

static bool
same_chars(CjChars a, CjChars b)
{
	return a.n == b.n && memcmp(a.c, b.c, sizeof(uint32) * a.n) == 0;
}

static int
compare_email(CjComparison *comparison, CjChars b)
{
	CjChars		user = user_part(b);

	if (same_chars(comparison->left_user->pattern, user))
		return 3;
	if (cj_jaro_winkler(comparison->left, b, CJ_PREFIX_SCALE, CJ_BOOST_FROM) >=
		comparison->threshold[1])
		return 2;
	return cj_jaro_winkler(comparison->left_user, user, CJ_PREFIX_SCALE, CJ_BOOST_FROM) >=
		comparison->threshold[2];
}

static int
number(const uint32 *digits, int n)
{
	int			result = 0;

	for (int i = 0; i < n; i++)
		result = result * 10 + (int) (digits[i] - '0');
	return result;
}

static double
date_similarity(CjChars a, CjChars b)
{
	return cj_date_similarity(number(a.c, 4), number(a.c + 4, 2), number(a.c + 6, 2),
							  number(b.c, 4), number(b.c + 4, 2), number(b.c + 6, 2));
}

static int
common_prefix(CjChars a, CjChars b)
{
	int			n = 0;

	while (n < a.n && n < b.n && a.c[n] == b.c[n])
		n++;
	return n;
}

/* The level of two different values. */
static int
compare_chars(CjComparison *comparison, CjChars a, CjChars b)
{
	int			most = comparison->nthresholds > 0 ?
		(int) comparison->threshold[comparison->nthresholds - 1] : 0;

	switch (comparison->kind)
	{
		case CJ_COMPARE_EXACT:
			return 0;
		case CJ_COMPARE_JARO_WINKLER:
			return level_reached(comparison, cj_jaro_winkler(comparison->left, b,
															 CJ_PREFIX_SCALE, CJ_BOOST_FROM));
		case CJ_COMPARE_JARO:
			return level_reached(comparison, cj_jaro(comparison->left, b));
		case CJ_COMPARE_LEVENSHTEIN:
			return level_within(comparison, cj_levenshtein(comparison->left, b, most));
		case CJ_COMPARE_OSA:
			return level_within(comparison, cj_osa(comparison->left, b, most));
		case CJ_COMPARE_NAME:
			return level_reached(comparison, cj_name_similarity(comparison->spare, a, b));
		case CJ_COMPARE_EMAIL:
			return compare_email(comparison, b);
		case CJ_COMPARE_DATE:
			return level_reached(comparison, date_similarity(a, b));
		case CJ_COMPARE_PREFIX:
			return level_reached(comparison, common_prefix(a, b));
	}
	return 0;
}

int
cj_compare(CjComparison *comparison, const CjValues *values, int32 a, int32 b)
{
	CjMemo	   *memo = comparison->memo;
	uint64		pair;
	uint32		slot = 0;
	int			level;

	if (a < 0 || b < 0)
		return -1;
	if (a == b)
		return comparison->nlevels - 1;
	pair = (uint64) (a + 1) << 32 | (uint32) b;
	if (memo != NULL)
	{
		slot = (uint32) ((pair * UINT64CONST(0x9E3779B97F4A7C15)) >> (64 - MEMO_BITS));
		if (memo->pair[slot] == pair)
			return memo->level[slot];
	}
	if (comparison->left_code != a && memo != NULL && comparison->kind != CJ_COMPARE_NAME &&
		comparison->kind != CJ_COMPARE_DATE)
	{
		CjChars		left = cj_value_chars(values, a);

		cj_text_matcher_set(comparison->left, left);
		if (comparison->kind == CJ_COMPARE_EMAIL)
			cj_text_matcher_set(comparison->left_user, user_part(left));
		comparison->left_code = a;
	}
	level = compare_chars(comparison, cj_value_chars(values, a), cj_value_chars(values, b));
	if (memo != NULL)
	{
		memo->pair[slot] = pair;
		memo->level[slot] = level;
	}
	return level;
}

char *
cj_level_label(const CjComparison *comparison, int level)
{
	static const char *const email[] = {"different", "similar user", "similar", "same user"};
	double		threshold;

	if (level < 0)
		return pstrdup("missing");
	if (level == comparison->nlevels - 1)
		return pstrdup("equal");
	if (level == 0)
		return pstrdup("different");
	threshold = comparison->threshold[comparison->nlevels - 2 - level];
	switch (comparison->kind)
	{
		case CJ_COMPARE_EMAIL:
			return pstrdup(email[level]);
		case CJ_COMPARE_LEVENSHTEIN:
		case CJ_COMPARE_OSA:
			return psprintf("%s distance <= %g", comparison->kind == CJ_COMPARE_OSA ?
							"osa" : "levenshtein", threshold);
		case CJ_COMPARE_PREFIX:
			return psprintf("first %g equal", threshold);
		default:
			return psprintf("%s similarity >= %g",
							comparison->kind == CJ_COMPARE_NAME ? "name" :
							comparison->kind == CJ_COMPARE_DATE ? "date" :
							comparison->kind == CJ_COMPARE_JARO ? "jaro" : "jaro_winkler",
							threshold);
	}
}
