/*-------------------------------------------------------------------------
 *
 * name.c
 *		Personal names: the form to compare, the parts, the similarity.
 *
 * Two names are alike when their words are, in whatever order: every word of
 * the shorter name is paired with a different word of the longer one such that
 * the sum of similarities is largest (exactly, by dynamic programming over the
 * sets of words already used), and words left over cost a little, since people
 * leave out second surnames and middle names.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "identity/identity.h"

/* A word that has no partner takes this share of its weight from the score. */
#define MISSING_WORD_COST	0.15
/* An initial and a name that begins with it. */
#define INITIAL_SIMILARITY	0.85

typedef struct Words
{
	CjText		word[64];
	int			n;
} Words;

/* The words of a normalised text; what is beyond 64 words is left out. */
static void
split_words(const char *text, int len, Words *words)
{
	const char *end = text +len;

	words->n = 0;
	while (text <end && words->n < (int) lengthof(words->word))
	{
		const char *stop = memchr(text, ' ', end - text);

		if (stop == NULL)
			stop = end;
		words->word[words->n].data = text;

		words->word[words->n++].len = (int32) (stop - text);
		text = stop + 1;
	}
}

static char *
append_word(char *out, const char *start, const char *word, int len)
{
	if (out > start)
		*out++ = ' ';
	memcpy(out, word, len);
	return out + len;
}

int
cj_name_normalize(const char *from, int len, char *to)
{
	char	   *folded = palloc(2 * (Size) len + 1);
	int			n = cj_normalize(from, len, folded);
	Words		words;
	char	   *out = to;
	int			first = 0;

	split_words(folded, n, &words);
	/* "D." is a title when more than one word follows, else an initial */
	if (words.n > 2 && words.word[0].len == 1 && words.word[0].data[0] == 'd')
		first++;
	while (first < words.n - 1 &&
		   cj_name_is_title(words.word[first].data, words.word[first].len))
		first++;
	for (int i = first; i < words.n; i++)
	{
		CjText		w = words.word[i];
		const char *meaning = cj_name_abbreviation(w.data, w.len);

		if (meaning != NULL)
			out = append_word(out, to, meaning, strlen(meaning));
		else if (!cj_name_is_particle(w.data, w.len) || (w.len == 1 && i == first))
			out = append_word(out, to, w.data, w.len);
	}
	/* a name of nothing but particles is kept as it is */
	for (int i = first; out == to && i < words.n; i++)
		out = append_word(out, to, words.word[i].data, words.word[i].len);
	pfree(folded);
	return (int) (out - to);
}

static int
split_chars(CjChars name, CjChars *word)
{
	int			n = 0;
	int			start = 0;

	for (int i = 0; i <= name.n && n < CJ_NAME_TOKENS; i++)
		if (i == name.n || name.c[i] == ' ')
		{
			if (i > start)
			{
				word[n].c = name.c + start;
				word[n++].n = i - start;
			}
			start = i + 1;
		}
	return n;
}

static double
word_similarity(CjTextMatcher *matcher, CjChars text)
{
	CjChars		pattern = matcher->pattern;
	double		similarity;

	if ((pattern.n == 1 || text.n == 1) &&pattern.c[0] == text.c[0])
		return pattern.n == text.n ? 1.0 : INITIAL_SIMILARITY;

	similarity = cj_jaro_winkler(matcher, text, CJ_PREFIX_SCALE, CJ_BOOST_FROM);
	return similarity < CJ_BOOST_FROM ? 0.0 : similarity;
}

/* The largest sum of similarities of pairs of words; na <= nb. */
static double
best_pairing(CjTextMatcher *matcher, const CjChars *a, int na, const CjChars *b, int nb)
{
	double		best[1 << CJ_NAME_TOKENS];
	double		sim[CJ_NAME_TOKENS];
	int			sets = 1 << na;

	for (int set = 0; set < sets; set++)
		best[set] = 0.0;
	for (int j = 0; j < nb; j++)
	{
		cj_text_matcher_set(matcher, b[j]);
		for (int i = 0; i < na; i++)
			sim[i] = word_similarity(matcher, a[i]);
		/* from the fullest set down: each reads only sets without word j */
		for (int set = sets - 1; set > 0; set--)
			for (int i = 0; i < na; i++)
				if (set & (1 << i))
					best[set] = Max(best[set], best[set & ~(1 << i)] + sim[i]);
	}
	return best[sets - 1];
}

double
cj_name_similarity(CjTextMatcher *matcher, CjChars a, CjChars b)
{
	CjChars		word_a[CJ_NAME_TOKENS];
	CjChars		word_b[CJ_NAME_TOKENS];
	int			na = split_chars(a, word_a);
	int			nb = split_chars(b, word_b);
	double		sum;

	if (na == 0 || nb == 0)
		return na == nb ? 1.0 : 0.0;
	sum = na <= nb ? best_pairing(matcher, word_a, na, word_b, nb) :
		best_pairing(matcher, word_b, nb, word_a, na);
	return sum / Min(na, nb) * (1.0 - MISSING_WORD_COST * abs(na - nb) / Max(na, nb));
}

/* ---- the parts of a name ---- */

/* Words as written, and folded beside each. */
typedef struct Written
{
	CjText		word[64];
	CjText		folded[64];
	bool		comma[64];		/* followed by a comma */
	int			n;
} Written;

static void
split_written(const char *from, int len, Written *w)
{
	const char *end = from + len;

	w->n = 0;
	while (from < end && w->n < (int) lengthof(w->word))
	{
		const char *stop;
		char	   *folded;

		while (from < end && (*from == ' ' || *from == '\t' || *from == ','))
			from++;
		stop = from;
		while (stop < end && *stop != ' ' && *stop != '\t' && *stop != ',')
			stop++;
		if (stop == from)
			break;
		folded = palloc(2 * (stop - from) + 1);
		w->word[w->n].data = from;
		w->word[w->n].len = (int32) (stop - from);
		w->folded[w->n].data = folded;
		w->folded[w->n].len = cj_normalize(from, (int) (stop - from), folded);
		w->comma[w->n] = stop < end && *stop == ',';
		if (w->folded[w->n].len > 0)
			w->n++;
		else if (w->comma[w->n] && w->n > 0)
			w->comma[w->n - 1] = true;
		from = stop;
	}
}

/* Words [from, to) as written, one space between; NULL if there are none. */
static char *
join(const Written *w, int from, int to)
{
	Size		size = 1;
	char	   *result;
	char	   *out;

	if (from >= to)
		return NULL;
	for (int i = from; i < to; i++)
		size += w->word[i].len + 1;
	out = result = palloc(size);
	for (int i = from; i < to; i++)
		out = append_word(out, result, w->word[i].data, w->word[i].len);
	*out = '\0';
	return result;
}

static bool
is_particle(const Written *w, int i)
{
	return cj_name_is_particle(w->folded[i].data, w->folded[i].len);
}

static bool
is_given(const Written *w, int i)
{
	const char *meaning = cj_name_abbreviation(w->folded[i].data, w->folded[i].len);

	return w->folded[i].len == 1 ||
		(meaning != NULL ? cj_name_is_given(meaning, strlen(meaning)) :
		 cj_name_is_given(w->folded[i].data, w->folded[i].len));
}

/* Where the next unit ends: particles and the word they lead to. */
static int
unit_end(const Written *w, int from, int to)
{
	int			i = from;

	while (i < to - 1 && is_particle(w, i))
		i++;
	return i + 1;
}

/* First and second surname of the words [from, to). */
static void
parse_surnames(const Written *w, int from, int to, CjPersonName *name)
{
	int			first = unit_end(w, from, to);

	/* "y" or "i" joins two surnames and belongs to neither */
	name->surname1 = join(w, from, first);
	if (first < to - 1 && w->folded[first].len == 1 &&
		(w->folded[first].data[0] == 'y' || w->folded[first].data[0] == 'i'))
		first++;
	name->surname2 = join(w, first, to);
}

/* Given names: the first unit, and later ones as long as they are known. */
static int
given_end(const Written *w, int from)
{
	int			end = unit_end(w, from, w->n);
	int			surnames_left;

	for (;;)
	{
		int			next = end < w->n ? unit_end(w, end, w->n) : w->n;

		surnames_left = w->n - next;
		if (surnames_left < 1 || end >= w->n || !is_given(w, next - 1))
			return end;
		/* "de" before a known given name still may open a surname */
		if (next - end > 1 && surnames_left < 2)
			return end;
		end = next;
	}
}

void
cj_name_parse(const char *from, int len, CjPersonName *name)
{
	Written    *w = palloc_object(Written);
	int			first = 0;
	int			comma = -1;

	memset(name, 0, sizeof(*name));
	split_written(from, len, w);
	while (first < w->n - 1 &&
		   (cj_name_is_title(w->folded[first].data, w->folded[first].len) ||
			(w->folded[first].len == 1 && w->folded[first].data[0] == 'd' && first == 0) ||
			(w->folded[first].len == 2 && memcmp(w->folded[first].data, "da", 2) == 0)))
		first++;
	name->title = join(w, 0, first);
	for (int i = first; i < w->n - 1 && comma < 0; i++)
		if (w->comma[i])
			comma = i + 1;
	if (comma >= 0)
	{
		parse_surnames(w, first, comma, name);
		name->given = join(w, comma, w->n);
	}
	else if (first < w->n)
	{
		int			end = given_end(w, first);

		name->given = join(w, first, end);
		if (end < w->n)
			parse_surnames(w, end, w->n, name);
	}
	pfree(w);
}
