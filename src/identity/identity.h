/*-------------------------------------------------------------------------
 *
 * identity.h
 *		Who is the same person: text comparison for linkage.
 *
 * Everything compares code points, never bytes, and works on strings of any
 * length.  Text is UTF-8 here whatever the database's encoding; the glue
 * converts.
 *
 * Files: codepoints.c (UTF-8 and folding), matcher.c (Jaro, Levenshtein, OSA),
 * name.c (personal names), name_words.c (what is known of them), phonetic.c,
 * contact.c (e-mail, phone, documents), placeholder.c, text_sql.c.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_IDENTITY_H
#define CJ_IDENTITY_H

#include "common/text.h"

/* ---- code points (codepoints.c) ---- */

/* A string as code points, someone else's memory. */
typedef struct CjChars
{
	const uint32 *c;
	int			n;
} CjChars;

/*
 * Decodes UTF-8 into "to", which has room for len entries; gives the number of
 * code points.  A byte that is not part of a valid sequence stands for itself.
 */
extern int	cj_decode(const char *from, int len, uint32 *to);

/* Writes one code point as UTF-8 (at most 4 bytes), gives the length. */
extern int	cj_encode(uint32 c, char *to);

/*
 * The lower-case letters without marks that stand for c: up to two, written to
 * "to"; 0 if c is a combining mark.  Letters of other scripts come back in
 * lower case where that is known.
 */
extern int	cj_fold(uint32 c, uint32 *to);

/* Is the (folded) code point a letter or digit of any script? */
extern bool cj_is_word(uint32 c);

/*
 * Folded words with one space between; apostrophes vanish, anything else that
 * is no letter or digit separates.  "to" has room for 2 * len + 1 bytes.
 */
extern int	cj_normalize(const char *from, int len, char *to);

/* ---- comparing strings (matcher.c) ---- */

#define CJ_MATCHER_BITS		64
#define CJ_MATCHER_SLOTS	128

/*
 * One string prepared for comparison with many: for each character the set of
 * positions where it stands, as bits.  Characters below 256 index a table,
 * others a small hash table.  Longer strings than 64 use no bits.
 */
typedef struct CjTextMatcher
{
	CjChars		pattern;		/* must outlive comparisons, not the next set */
	uint32		set[CJ_MATCHER_BITS];	/* the characters that have bits */
	int			nset;
	uint64		low[256];
	uint32		high_char[CJ_MATCHER_SLOTS];
	uint64		high_bits[CJ_MATCHER_SLOTS];
	bool		has_high;
} CjTextMatcher;

/* All zero is a matcher without a pattern. */
extern void cj_text_matcher_set(CjTextMatcher *matcher, CjChars pattern);

extern double cj_jaro(const CjTextMatcher *matcher, CjChars text);

/* Winkler's: a common prefix of up to 4 raises a Jaro above boost_from. */
extern double cj_jaro_winkler(const CjTextMatcher *matcher, CjChars text,
							  double prefix_scale, double boost_from);
#define CJ_PREFIX_SCALE		0.1
#define CJ_BOOST_FROM		0.7

/* The same of n bytes with the usual constants; false unless they are ASCII and the pattern is short. */
extern bool cj_jaro_winkler_ascii(const CjTextMatcher *matcher, const char *bytes, int n,
								  double *similarity);

/* Edit distances; more than max (if not negative) gives max + 1, early. */
extern int	cj_levenshtein(const CjTextMatcher *matcher, CjChars text, int max);
extern int	cj_osa(const CjTextMatcher *matcher, CjChars text, int max);

/* ---- personal names (name.c, name_words.c) ---- */

#define CJ_NAME_TOKENS		8

/*
 * The form in which names are compared: folded words, abbreviations spelled
 * out, titles and particles left out.  "to" has room for 12 * len + 1 bytes.
 */
extern int	cj_name_normalize(const char *from, int len, char *to);

/* Similarity of two normalised names, 0 to 1, whatever the order of words. */
extern double cj_name_similarity(CjTextMatcher *matcher, CjChars a, CjChars b);

typedef struct CjPersonName
{
	char	   *title;
	char	   *given;
	char	   *surname1;
	char	   *surname2;
} CjPersonName;

/* Splits a name as written in Spanish; parts are palloc'd or NULL. */
extern void cj_name_parse(const char *from, int len, CjPersonName *name);

/* What is known of words (folded). */
extern const char *cj_name_abbreviation(const char *word, int len);
extern bool cj_name_is_title(const char *word, int len);
extern bool cj_name_is_particle(const char *word, int len);
extern bool cj_name_is_given(const char *word, int len);

/* Spanish phonetic key of each word (phonetic.c); room for 2 * len + 1 bytes. */
extern int	cj_phonetic(const char *from, int len, char *to);

/* ---- contact data (contact.c) ---- */

/* Each gives the length written, or -1 if the value is none of its kind. */
extern int	cj_email(const char *from, int len, bool plus, bool dots, char *to);
extern int	cj_phone(const char *from, int len, const char *region, char *to);
extern int	cj_document(const char *from, int len, char *to);
#define CJ_PHONE_SIZE		24
#define CJ_DOCUMENT_SIZE	16

/* Is the country one whose phone numbers are known? */
extern bool cj_phone_region_known(const char *region);

/* ---- values that stand for nothing (placeholder.c) ---- */

typedef enum CjKind
{
	CJ_KIND_TEXT,
	CJ_KIND_NAME,
	CJ_KIND_EMAIL,
	CJ_KIND_PHONE,
	CJ_KIND_DATE,
	CJ_KIND_DOCUMENT
} CjKind;

extern bool cj_is_placeholder(const char *value, int len, CjKind kind);

/* 1 for the same day down to 0, by how likely a slip of the pen explains it. */
extern double cj_date_similarity(int year_a, int month_a, int day_a,
								 int year_b, int month_b, int day_b);

/* Defines the settings (settings.c). */
extern void cj_identity_init(void);

#endif							/* CJ_IDENTITY_H */
