/*-------------------------------------------------------------------------
 *
 * linkage.h
 *		Which records are the same person: the engine.
 *
 * Records are kept by column: a FIELD is one or more input columns joined and
 * normalised, and its distinct values form a dictionary, so that a record is a
 * row of small integers, equal strings are equal codes, and a pair of values
 * that occurs again is compared once.
 *
 * A COMPARISON looks at one field of two records and gives a level: 0 when
 * nothing agrees up to nlevels - 1 when the values are equal, or -1 when a
 * value is missing.  The levels of all comparisons are the pair's PATTERN.
 * Fellegi and Sunter's model says how much each level weighs: log2(m / u),
 * where m and u are its probabilities among matching and among all pairs.
 *
 * A RULE makes candidates: records that have equal keys form a block, and the
 * pairs within blocks are compared, each once, whatever the number of rules
 * that find it.
 *
 * Everything a fit computes is a sum of integers or taken in the order of
 * sorted values, so that the order of rows has no influence.
 *
 * Files: values.c (dictionaries), field.c (columns to values), rule.c
 * (parsing fields and rules), compare.c (levels), blocking.c (candidates),
 * frequency.c (u), em.c (m), fit.c, cluster.c.  The *_sql.c files unpack
 * arguments and pack results.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_LINKAGE_H
#define CJ_LINKAGE_H

#include "lib/stringinfo.h"

#include "identity/identity.h"

#define CJ_MAX_COMPARISONS		16
#define CJ_MAX_LEVELS			10
#define CJ_MAX_RULES			32
#define CJ_MAX_RULE_PARTS		6
#define CJ_MAX_FIELD_COLUMNS	4
#define CJ_MAX_FIELDS			64
#define CJ_MAX_RECORDS			100000000

/* ---- dictionaries (values.c) ---- */

typedef struct CjValue
{
	Size		bytes;			/* where its UTF-8 starts */
	Size		chars;			/* where its code points start */
	int32		len;
	int32		n;
	int32		count;			/* records that have it */
} CjValue;

typedef struct CjRaw
{
	Size		bytes;
	int32		len;
	int32		code;			/* of its normalised value, -1 if missing */
} CjRaw;

typedef struct CjValues
{
	MemoryContext context;
	bool		bytes_only;		/* code points are not wanted */
	CjValue    *value;
	int32		nvalues;
	int32		value_room;
	uint64	   *value_slot;		/* open addressing; hash and code + 1 */
	uint32		value_mask;
	CjRaw	   *raw;
	int32		nraw;
	int32		raw_room;
	uint64	   *raw_slot;
	uint32		raw_mask;
	char	   *bytes;
	Size		nbytes;
	Size		byte_room;
	uint32	   *chars;
	Size		nchars;
	Size		char_room;
} CjValues;

extern void cj_values_init(CjValues *values, MemoryContext context);

/* Entry of a raw string; *found tells whether it is an old one, with its code. */
extern CjRaw *cj_values_raw(CjValues *values, const char *raw, int32 len, bool *found);

/* Code of a normalised string, added if new. */
extern int32 cj_values_code(CjValues *values, const char *utf8, int32 len);

/* How far a dictionary is filled; going back forgets what came after. */
typedef struct CjValuesMark
{
	int32		nvalues;
	int32		nraw;
	Size		nbytes;
	Size		nchars;
} CjValuesMark;

extern CjValuesMark cj_values_mark(const CjValues *values);
extern void cj_values_rewind(CjValues *values, CjValuesMark mark);

static inline CjChars
cj_value_chars(const CjValues *values, int32 code)
{
	CjChars		chars = {values->chars + values->value[code].chars, values->value[code].n};

	return chars;
}

static inline CjText
cj_value_text(const CjValues *values, int32 code)
{
	CjText text = {values->bytes + values->value[code].bytes, values->value[code].len};

	return text;
}

/* Positions 0 .. n - 1 in byte order of the texts that "get" gives. */
extern int32 *cj_sorted_texts(int32 n, CjText (*get) (const void *arg, int32 i), const void *arg);

/* Codes in byte order of their values. */
extern int32 *cj_values_sorted(const CjValues *values);

/* ---- fields (field.c) ---- */

typedef enum CjNormalizer
{
	CJ_NORM_RAW,
	CJ_NORM_TEXT,
	CJ_NORM_NAME,
	CJ_NORM_EMAIL,
	CJ_NORM_PHONE,
	CJ_NORM_DATE,
	CJ_NORM_DOCUMENT,
	CJ_NORM_PHONETIC,
	CJ_NORM_FIRST,				/* first word of the name */
	CJ_NORM_SORTED,				/* words of the name in byte order */
	CJ_NORM_SHORTEST,			/* the shortest word of the name */
	CJ_NORM_LONGEST,			/* the longest word of the name */
	CJ_NORM_USER,				/* e-mail before the @ */
	CJ_NORM_YEAR,
	CJ_NORM_PREFIX				/* so many characters of the folded text */
} CjNormalizer;

typedef struct CjField
{
	int			column[CJ_MAX_FIELD_COLUMNS];	/* positions in the list of
												 * columns */
	int			ncolumns;
	CjNormalizer normalizer;
	int			length;			/* of a prefix */
	char		region[3];		/* of telephone numbers */
	CjValues	values;
	int32	   *code;			/* of each record, -1 if missing */
} CjField;

/* Code of a value given by its columns (data NULL where missing). */
extern int32 cj_field_code(CjField *field, const CjText *columns, StringInfo scratch);

/* True and *normalizer, or false if there is none of that name. */
extern bool cj_normalizer_named(CjText name, CjNormalizer *normalizer, int *length);

/* ---- comparisons (compare.c) ---- */

typedef enum CjCompare
{
	CJ_COMPARE_EXACT,
	CJ_COMPARE_JARO_WINKLER,
	CJ_COMPARE_JARO,
	CJ_COMPARE_LEVENSHTEIN,
	CJ_COMPARE_OSA,
	CJ_COMPARE_NAME,
	CJ_COMPARE_EMAIL,
	CJ_COMPARE_DATE,
	CJ_COMPARE_PREFIX
} CjCompare;

typedef struct CjComparison
{
	const char *label;			/* as given in the specification */
	const char *kind_name;
	int			field;
	CjCompare	kind;
	int			nthresholds;
	double		threshold[CJ_MAX_LEVELS];	/* best first */
	int			nlevels;
	bool		terms;			/* term-frequency adjustment */
	double		term_weight;
	double		term_minimum;
	double		m[CJ_MAX_LEVELS];
	double		u[CJ_MAX_LEVELS];
	double		u_pairs[CJ_MAX_LEVELS]; /* pairs counted, for the report */
	double		m_start[CJ_MAX_LEVELS];
	double		u_start[CJ_MAX_LEVELS];
	bool		m_given;		/* m_start is set */
	bool		u_given;		/* u_start is set: u is not counted */
	bool		u_exact;		/* u of fuzzy levels counted over all pairs */
	int64		present;		/* records that have a value */

	/*
	 * share of the field's first values, when it came with a model, and of
	 * others
	 */
	double	   *term_share;
	int32		nterms;
	double		other_share;

	/* state of a run of comparisons */
	CjTextMatcher *left;
	CjTextMatcher *left_user;
	CjTextMatcher *spare;
	int32		left_code;
	struct CjMemo *memo;
} CjComparison;

/* Kind by name, its default thresholds and normaliser; false if unknown. */
extern bool cj_compare_kind(CjText name, CjComparison *comparison, CjNormalizer *normalizer);
extern void cj_compare_prepare(CjComparison *comparison, MemoryContext context);

/* Forgets pairs of values compared before, whose codes will mean others. */
extern void cj_compare_forget(CjComparison *comparison);
extern int	cj_compare(CjComparison *comparison, const CjValues *values, int32 a, int32 b);

/* What a level says, such as "jaro_winkler >= 0.92"; palloc'd. */
extern char *cj_level_label(const CjComparison *comparison, int level);

/* ---- the whole ---- */

typedef struct CjRule
{
	const char *text;
	bool		everything;		/* "*": all pairs */
	int			field[CJ_MAX_RULE_PARTS];
	int			nfields;

	/* report */
	int64		pairs;
	int64		new_pairs;
	int64		blocks;
	int64		largest;
	char	   *largest_key;
	int64		skipped_blocks;
	int64		skipped_pairs;
} CjRule;

typedef struct CjEmSettings
{
	double		match_rate;		/* to start from; 0 is 1 / records */
	int			max_iterations;
	double		tolerance;
	bool		candidates_only;	/* the match rate is among candidates */
	bool		fix_m;
	bool		fix_u;
	bool		train_terms;
	double		prior;			/* pseudo-pairs spread over a comparison's
								 * levels */
} CjEmSettings;

typedef struct CjIteration
{
	double		match_rate;
	double		change;
	double		log_likelihood;
	double		m[CJ_MAX_COMPARISONS][CJ_MAX_LEVELS];
	double		u[CJ_MAX_COMPARISONS][CJ_MAX_LEVELS];
} CjIteration;

typedef struct CjLinkage
{
	MemoryContext context;
	char	  **column;			/* names of the columns that are read */
	int			ncolumns;
	CjField    *field;			/* CJ_MAX_FIELDS of them */
	int			nfields;
	CjComparison *comparison;
	int			ncomparisons;
	CjRule	   *rule;
	int			nrules;
	int32		max_block;
	int64		max_pairs;
	int64		u_budget;
	int			max_cluster;
	int			max_terms;
	double		conflict_weight;	/* candidates below it must not meet in a
									 * cluster */
	CjEmSettings em;

	/* records */
	int32		nrecords;
	int32		record_room;
	bool		has_ids;
	Size	   *id;				/* where each id starts; ends with a zero byte */
	char	   *ids;
	Size		nids;
	Size		id_room;
	StringInfoData scratch;
	uint64	   *key[CJ_MAX_RULES];	/* of each rule and record, 0 if none */
	struct CjKeyed *keyed[CJ_MAX_RULES];	/* records sorted by key
											 * (blocking.c) */
	int32		nkeyed[CJ_MAX_RULES];

	/* what was fitted */
	bool		fitted;
	double		match_rate;
	double		threshold;
	double		expected_matches;
	double		expected_precision;
	double		expected_recall;
	int64		candidates;
	int			iterations;
	bool		converged;
	struct CjCollector *collector;	/* candidates with their patterns (fit.c) */
	CjIteration *trace;
	int			ntrace;
} CjLinkage;

/* ---- parsing names of columns and rules (rule.c) ---- */

extern CjLinkage *cj_linkage_create(MemoryContext context);

/* Field of "column[,column...]" with a normaliser; the same field is shared. */
extern int	cj_linkage_field(CjLinkage *linkage, CjText columns, CjNormalizer normalizer,
							 int length, const char *region);
extern void cj_linkage_rule(CjLinkage *linkage, CjText rule);

/* ---- records (field.c) ---- */

/* Adds a record; columns in the order of linkage->column.  id.data may be NULL. */
extern int32 cj_linkage_add(CjLinkage *linkage, CjText id, const CjText *columns);
extern void cj_linkage_clear(CjLinkage *linkage);

static inline const char *
cj_record_id(const CjLinkage *linkage, int32 record)
{
	return linkage->ids + linkage->id[record];
}

/* Puts records into the order of their ids; a repeated id is an error. */
extern void cj_linkage_sort(CjLinkage *linkage);

/* ---- candidates (blocking.c) ---- */

typedef void (*CjPairFunction) (void *arg, int32 a, int32 b, int rule);

/* Counts each rule's blocks and pairs, finds keys; errors above max_pairs. */
extern void cj_blocking_prepare(CjLinkage *linkage, bool enforce);

/* Calls back for each candidate pair, each once, under the first rule that has it. */
extern void cj_blocking_run(CjLinkage *linkage, CjPairFunction function, void *arg);

/*
 * Keys of a record for storing in a table, independent of codes: each once, in
 * order.  Room for CJ_MAX_RULES; gives how many.
 */
extern int	cj_stored_keys(const CjLinkage *linkage, int32 record, int64 *key);

/* ---- u (frequency.c) ---- */

extern void cj_estimate_u(CjLinkage *linkage);

/* Share of a value among the records that have one. */
static inline double
cj_term_share(const CjComparison *comparison, const CjValues *values, int32 code)
{
	if (comparison->term_share != NULL)
		return code < comparison->nterms ? comparison->term_share[code] :
			comparison->other_share;
	return (double) values->value[code].count / comparison->present;
}

/* ---- m (em.c) ---- */

/*
 * Pattern counts: levels[i * ncomparisons + c].  term[i], if not NULL, is the
 * part of the pattern's term-frequency weight that does not depend on u.
 */
typedef struct CjPatterns
{
	int			ncomparisons;
	int			npatterns;
	int8	   *level;
	double	   *count;
	double	   *term;
	double		unseen;			/* pairs that are no candidates and thus no
								 * matches */
} CjPatterns;

extern void cj_em(CjLinkage *linkage, const CjPatterns *patterns);

/* ---- fitting and scoring (fit.c) ---- */

/* Levels of a pair.  Records added after a comparison need cj_linkage_clear first. */
extern void cj_pair_levels(CjLinkage *linkage, int32 a, int32 b, int8 *level);

/* Weight of a level, finite. */
extern double cj_level_weight(const CjComparison *comparison, int level);

/* What equal values of this frequency add to or take from the exact level's weight. */
extern double cj_term_weight(const CjLinkage *linkage, const CjComparison *comparison,
							 int level, int32 a, int32 b);
extern double cj_prior_weight(double match_rate);
extern double cj_probability(double weight);


/* Weight of two records by a fitted model. */
extern double cj_pair_weight(CjLinkage *linkage, int32 a, int32 b);
extern void cj_start_parameters(CjLinkage *linkage);
extern void cj_linkage_fit(CjLinkage *linkage);

typedef struct CjPair
{
	int32		a;				/* a < b */
	int32		b;
	double		weight;
} CjPair;

/* Candidate pairs of at least this weight, in the order of a and b. */
extern CjPair *cj_linkage_score(CjLinkage *linkage, double threshold, int64 *npairs);

/* ---- clusters (cluster.c) ---- */

typedef struct CjEdge
{
	int32		a;
	int32		b;
	double		weight;			/* infinite: must link, cannot link */
} CjEdge;

typedef struct CjClusterSettings
{
	int32		max_size;		/* 0: no limit */
	const int32 *source;		/* of each node, at most one a cluster; or
								 * NULL */
} CjClusterSettings;

/* The smallest node of each node's cluster.  Sorts the edges. */
extern int32 *cj_cluster(int32 nnodes, CjEdge *edges, int64 nedges,
						 const CjClusterSettings *settings);

#endif							/* CJ_LINKAGE_H */
