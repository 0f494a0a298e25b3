/*-------------------------------------------------------------------------
 *
 * pattern_fuzz.c
 *		Hostile texts and bytes against the pattern parser, its stored form and
 *		the matcher.
 *
 *		pattern_fuzz RUNS [SEED]
 *
 * Texts are put together from pieces of the language and then harmed.  What is
 * accepted must behave: it prints, reads back to the same bytes, loads, and is
 * matched against random journeys, where the ways to ask agree with each other.
 * Stored forms are harmed too: they must load or be refused as damaged.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pattern/pattern.h"

#include "server.h"

#define REQUIRE(law) \
	do { \
		if (!(law)) \
		{ \
			fprintf(stderr, "%s:%d: law broken: %s\n  pattern: %s\n", __FILE__, __LINE__, #law, current); \
			abort(); \
		} \
	} while (0)

static char current[4096];		/* the text at hand, for messages */

/* ---- more stand-ins: a hash table that is a list ---- */

struct HTAB
{
	Size		keysize;
	Size		entrysize;
	struct Entry *entries;
};

typedef struct Entry
{
	struct Entry *next;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} Entry;

HTAB *
hash_create(const char *name, long nelem, const HASHCTL *info, int flags)
{
	HTAB	   *table = palloc0(sizeof(HTAB));

	table->keysize = info->keysize;
	table->entrysize = info->entrysize;
	return table;
}

void *
hash_search(HTAB *table, const void *key, HASHACTION action, bool *found)
{
	Entry	   *entry;

	for (entry = table->entries; entry != NULL; entry = entry->next)
		if (memcmp(entry->data, key, table->keysize) == 0)
			break;
	if (found != NULL)
		*found = entry != NULL;
	if (entry == NULL && action == HASH_ENTER)
	{
		entry = palloc0(offsetof(Entry, data) + table->entrysize);
		memcpy(entry->data, key, table->keysize);
		entry->next = table->entries;
		table->entries = entry;
	}
	return entry == NULL ? NULL : entry->data;
}

void
hash_destroy(HTAB *table)
{
	(void) table;
}

/* ---- and others that only patterns need ---- */

void *
palloc0_mul(Size a, Size b)
{
	return palloc0(a * b);
}

void *
repalloc_mul(void *pointer, Size a, Size b)
{
	return repalloc(pointer, a * b);
}

void
check_stack_depth(void)
{
}

int
pg_mblen(const char *text)
{
	return Max(1, pg_utf_mblen((const unsigned char *) text));
}

uint64
hash_bytes_uint32_extended(uint32 k, uint64 seed)
{
	return ((uint64) k + seed + 1) * UINT64CONST(0x9E3779B97F4A7C15);
}

void
appendStringInfoSpaces(StringInfo to, int count)
{
	for (int i = 0; i < count; i++)
		appendStringInfoChar(to, ' ');
}

/* ---- random numbers ---- */

static uint64 state = 1;

static uint32
pick(uint32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32) (state >> 33) % below;
}

/* ---- inputs ---- */

static const char *const pieces[] = {
	"a", "b", "c", "a+", "(b c)?", "(a | b -> c){1,2}", "permute(a, b, c)", "(a -> b WITHIN 2 s)", "(c AS l)*?", ".", "[a|b]", "[^a]", "\"a b\"", "'x'", "a@web", "b#x", "c(value >= 1)", "a(time < '2026-01-01 00:00:05')",
	" ", " ", " ", " -> ", " -> ", " -[<= 2 s]-> ", " -[> 1 s, !c]-> ", " -[1 s .. 3 s]-> ", " -[<= 2 events]-> ", " !-> ", " !-[<= 3 s]-> ",
	" -[!b SAME]-> ", "(", ")", "(", ")", " | ", "*", "+", "?", "??", "{2}", "{1,2}", "{2,}", "^ ", " $", " WITHIN 4 s", " SAME item",
	" DIFFERENT channel", " AS l", "permute(a, b, c)", "(-> a)", "permute", "!", "-", "]", "[", "]->", "@", "#", "0", "1.5 days", "é"
};

static int
position(const char *piece)
{
	for (int i = 0; i < (int) lengthof(pieces); i++)
		if (strcmp(pieces[i], piece) == 0)
			return i;
	abort();
}

#define FIRST_SPACE		position(" ")
#define FIRST_ABSENCE	position(" !-> ")
#define FIRST_CLOSING	position(" WITHIN 4 s")

static int
make_text(char *text, int size)
{
	int			len = 0;
	int			count = 1 + pick(10);
	bool		orderly = pick(2);	/* elements and connectors in turn, then harm */

	for (int i = 0; i < count; i++)
	{
		const char *piece = !orderly ? pieces[pick(lengthof(pieces))] :
			i == 9 ? pieces[FIRST_CLOSING + pick(3)] :
			i % 2 == 0 ? pieces[pick(FIRST_SPACE)] : pieces[FIRST_SPACE + pick(FIRST_ABSENCE - FIRST_SPACE)];
		int			n = strlen(piece);

		if (len + n >= size)
			break;
		memcpy(text + len, piece, n);
		len += n;
	}
	/* one in three is harmed byte by byte */
	if (len > 0 && pick(3) == 0)
		for (uint32 i = pick(3); i > 0; i--)
			text[pick(len)] = (char) (1 + pick(126));
	text[len] = '\0';
	return len;
}

static CjJourney *
make_journey(void)
{
	CjBuilder	builder;
	int			n = pick(9);
	static const char *const names = "abcx";

	cj_builder_init(&builder);
	for (int i = 0; i < n; i++)
	{
		CjText		event = {names + pick(4), 1};
		CjText		channel = {pick(3) ? "web" : NULL, 3};
		CjText		item = {pick(3) ? (pick(2) ? "x" : "y") : NULL, 1};
		double		value = pick(3);

		cj_builder_add(&builder, (int64) 820454400 * USECS_PER_SEC + pick(8) * USECS_PER_SEC, event,
					   channel, pick(2) ? &value : NULL, item);
	}
	return cj_builder_finish(&builder);
}

/* ---- laws ---- */

static bool
same(const CjPattern *a, const CjPattern *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

static void
check_match(CjMatcher *matcher, int32 n)
{
	REQUIRE(matcher->length >= 1 && matcher->length <= n);
	for (int32 p = 0; p < matcher->length; p++)
	{
		REQUIRE(matcher->positions[p] >= 0 && matcher->positions[p] < n);
		REQUIRE(cj_state_satisfied(matcher, &matcher->automaton->states[matcher->matched_states[p]],
								   matcher->positions[p]));
		for (int32 q = 0; q < p; q++)
			REQUIRE(matcher->positions[q] != matcher->positions[p]);
	}
}

static void
check_matching(const CjNode *tree)
{
	CjMatcher  *matcher = cj_matcher_create(cj_pattern_compile(tree), NULL);

	/* one matcher, several journeys: what is left over from one must not matter */
	for (int i = 0; i < 4; i++)
	{
		CjJourney  *journey = make_journey();
		CjView		view;
		bool		exists;
		int64		count;

		cj_view_init(&view, journey);
		cj_matcher_bind(matcher, &view, DT_NOEND);
		exists = cj_exists(matcher);
		cj_matcher_bind(matcher, &view, DT_NOEND);
		REQUIRE(cj_first_match(matcher) == exists);
		if (exists)
		{
			check_match(matcher, view.nevents);
			cj_match_journey(matcher);
		}
		cj_matcher_bind(matcher, &view, DT_NOEND);
		count = cj_all_matches(matcher, false, NULL, NULL);
		REQUIRE((count > 0) == exists && count <= view.nevents);
		cj_matcher_bind(matcher, &view, DT_NOEND);
		REQUIRE(cj_all_matches(matcher, true, NULL, NULL) >= count || matcher->automaton->whole != 0 || matcher->ties);
		if (matcher->automaton->chain.nsteps > 0)
		{
			int			answer = cj_chain_exists(matcher, &view);

			REQUIRE(answer < 0 || (answer == 1) == exists);
		}
	}
}

static void
check_pattern(const CjNode *tree)
{
	CjPattern  *stored = cj_pattern_store(tree);
	CjNode	   *loaded = cj_pattern_load(stored);
	char	   *printed = cj_pattern_print(loaded);
	CjNode	   *again = cj_pattern_parse(printed, strlen(printed), NULL);

	REQUIRE(again != NULL);
	REQUIRE(same(cj_pattern_store(loaded), stored));
	REQUIRE(same(cj_pattern_store(again), stored));
	cj_pattern_needs(loaded);
	check_matching(loaded);
}

static bool
try_text(void)
{
	static bool accepted;
	char	   *copy;
	int			len = make_text(current, 512);

	accepted = false;
	copy = malloc(Max(len, 1));
	memcpy(copy, current, len);
	if (sigsetjmp(server_error, 0) == 0)
	{
		CjNode	   *tree = cj_pattern_parse(copy, len, NULL);

		REQUIRE(tree != NULL);
		accepted = true;
		check_pattern(tree);
	}
	else
	{
		REQUIRE(strcmp(server_sqlstate, accepted ? "54000" : "22P02") == 0 ||
				strcmp(server_sqlstate, "54000") == 0);
	}
	server_reset();
	free(copy);
	return accepted;
}

/* A stored pattern with a few bytes changed. */
static bool
try_stored(void)
{
	static bool accepted;
	static char *copy;
	static bool harmed;
	int			len = make_text(current, 512);

	accepted = harmed = false;
	copy = NULL;
	if (sigsetjmp(server_error, 0) == 0)
	{
		CjPattern  *stored = cj_pattern_store(cj_pattern_parse(current, len, NULL));
		Size		size = VARSIZE_ANY(stored);

		copy = malloc(size);
		memcpy(copy, stored, size);
		for (uint32 i = 1 + pick(3); i > 0 && size > VARHDRSZ; i--)
			copy[VARHDRSZ + pick(size - VARHDRSZ)] = (char) pick(256);
		harmed = true;
		cj_pattern_load((CjPattern *) copy);
		accepted = true;
	}
	else if (harmed)
		REQUIRE(strcmp(server_sqlstate, "XX001") == 0);
	server_reset();
	free(copy);
	return accepted;
}

int
main(int argc, char **argv)
{
	long		runs = argc > 1 ? atol(argv[1]) : 100000;
	long		texts = 0;
	long		stored = 0;

	state = argc > 2 ? (uint64) atol(argv[2]) * 2654435761u + 1 : 1;
	cj_max_events = 1000;
	for (long i = 0; i < runs; i++)
		texts += try_text();
	for (long i = 0; i < runs; i++)
		stored += try_stored();
	printf("pattern texts: %ld tried, %ld accepted\n", runs, texts);
	printf("stored patterns: %ld tried, %ld accepted\n", runs, stored);
	return 0;
}
