/*-------------------------------------------------------------------------
 *
 * identity_fuzz.c
 *		Hostile bytes against what compares and normalises text.
 *
 *		identity_fuzz RUNS [SEED]
 *
 * Texts are put together from names, addresses, numbers, letters of several
 * scripts and broken UTF-8.  Every normaliser gets each of them with just the
 * room that its header promises to be enough, so that the sanitizer sees a byte
 * too many.  Distances are compared with plain dynamic programming, and the
 * ways to compute one similarity with each other.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/identity.h"

#include "server.h"

#define MOST_BYTES 160

static unsigned char current[MOST_BYTES];
static int	current_len;

#define REQUIRE(law) \
	do { \
		if (!(law)) \
		{ \
			fprintf(stderr, "%s:%d: law broken: %s\n  text: ", __FILE__, __LINE__, #law); \
			for (int z = 0; z < current_len; z++) \
				fprintf(stderr, "%02x", current[z]); \
			fprintf(stderr, "\n"); \
			abort(); \
		} \
	} while (0)

/* ---- stand-ins for what the server's libraries give ---- */

int
pg_strcasecmp(const char *a, const char *b)
{
	for (; *a != '\0' && pg_tolower((unsigned char) *a) == pg_tolower((unsigned char) *b); a++, b++)
		;
	return (int) pg_tolower((unsigned char) *a) - (int) pg_tolower((unsigned char) *b);
}

unsigned char
pg_tolower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

int
pg_snprintf(char *to, size_t size, const char *format,...)
{
	va_list		arguments;
	int			n;

	va_start(arguments, format);
	n = vsnprintf(to, size, format, arguments);
	va_end(arguments);
	return n;
}

/* late minor releases allocate arrays by it */
extern void *palloc0_mul(Size size, Size n);

void *
palloc0_mul(Size size, Size n)
{
	return palloc0(size * n);
}

static uint64 seed_state;

static uint32
draw(uint32 n)
{
	seed_state = seed_state * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (uint32) (seed_state >> 33) % n;
}

static const char *const pieces[] = {
	"García", "de la", " ", "  ", "Mª", "José", "Hernández", "@", "gmail.com", "+34", "612 34 56 70",
	"000-000-0000", "12345678Z", "X1234567L", "1900-01-01", "N/A", "test", ".", "-", "'", "Dª ", "Dr. ",
	"ÑÑ", "ß", "İ", "中", "e\314\201", "\xff", "\xc3", "\xe4\xb8", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xf8\x88",
	"0", "1", "99", "(", ")", "x", "Fco.", ",", "\t", "\x01", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "A", "Z",
};

static int
make_text(char *to)
{
	int			n = 0;
	int			parts = draw(8);

	for (int i = 0; i < parts; i++)
	{
		const char *piece = pieces[draw(lengthof(pieces))];
		int			len = (int) strlen(piece);

		if (n + len > MOST_BYTES)
			break;
		memcpy(to + n, piece, len);
		n += len;
	}
	for (int harm = draw(4); harm > 2 && n > 0; harm--)
		to[draw(n)] = (char) (1 + draw(255));
	return n;
}

/* Runs a normaliser with exactly the room it may use. */
static int
with_room(int (*function) (const char *, int, char *), const char *from, int len, size_t room)
{
	char	   *exact = malloc(Max(len, 1));
	char	   *to = malloc(room);
	int			n;

	memcpy(exact, from, len);
	n = function(exact, len, to);
	REQUIRE(n <= (int) room);
	free(exact);
	free(to);
	return n;
}

static int
email(const char *from, int len, char *to)
{
	return cj_email(from, len, draw(2) == 0, draw(2) == 0, to);
}

static int
phone(const char *from, int len, char *to)
{
	static const char *const regions[] = {"ES", "AR", "MX", "US", "GB", "DE"};

	return cj_phone(from, len, regions[draw(lengthof(regions))], to);
}

static int64
normalizers(const char *text, int len)
{
	int64		accepted = 0;
	CjPersonName name;
	char	   *exact = malloc(len + 1);

	memcpy(exact, text, len);
	exact[len] = '\0';
	with_room(cj_normalize, text, len, 2 * (size_t) len + 1);
	with_room(cj_name_normalize, text, len, 12 * (size_t) len + 1);
	with_room(cj_phonetic, text, len, 2 * (size_t) len + 1);
	accepted += with_room(email, text, len, (size_t) len + 16) >= 0;
	accepted += with_room(phone, text, len, CJ_PHONE_SIZE) >= 0;
	accepted += with_room(cj_document, text, len, CJ_DOCUMENT_SIZE) >= 0;
	for (int kind = CJ_KIND_TEXT; kind <= CJ_KIND_DOCUMENT; kind++)
		(void) cj_is_placeholder(exact, len, (CjKind) kind);
	cj_name_parse(exact, len, &name);
	free(exact);
	return accepted;
}

/* ---- distances ---- */

static int
plain_distance(CjChars a, CjChars b, bool swaps)
{
	static int	d[MOST_BYTES + 1][MOST_BYTES + 1];

	for (int i = 0; i <= a.n; i++)
		for (int j = 0; j <= b.n; j++)
		{
			if (i == 0 || j == 0)
			{
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = Min(d[i - 1][j - 1] + (a.c[i - 1] != b.c[j - 1]),
						  Min(d[i - 1][j], d[i][j - 1]) + 1);
			if (swaps && i > 1 && j > 1 && a.c[i - 1] == b.c[j - 2] && a.c[i - 2] == b.c[j - 1])
				d[i][j] = Min(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[a.n][b.n];
}

static void
distances(CjTextMatcher *matcher, const char *left, int left_len, const char *right, int right_len)
{
	uint32	   *a = malloc(sizeof(uint32) * (left_len + 1));
	uint32	   *b = malloc(sizeof(uint32) * (right_len + 1));
	CjChars		x = {a, cj_decode(left, left_len, a)};
	CjChars		y = {b, cj_decode(right, right_len, b)};
	int			max = draw(6);
	int			expected;
	double		jaro;
	double		winkler;
	double		fast;

	cj_text_matcher_set(matcher, x);
	expected = plain_distance(x, y, false);
	REQUIRE(cj_levenshtein(matcher, y, -1) == expected);
	REQUIRE(cj_levenshtein(matcher, y, max) == Min(expected, max + 1));
	expected = plain_distance(x, y, true);
	REQUIRE(cj_osa(matcher, y, -1) == expected);
	REQUIRE(cj_osa(matcher, y, max) == Min(expected, max + 1));
	jaro = cj_jaro(matcher, y);
	winkler = cj_jaro_winkler(matcher, y, CJ_PREFIX_SCALE, CJ_BOOST_FROM);
	REQUIRE(jaro >= 0 && jaro <= 1 && winkler >= jaro && winkler <= 1);
	if (x.n == y.n && memcmp(a, b, sizeof(uint32) * x.n) == 0)
		REQUIRE(jaro == 1 && winkler == 1);
	if (cj_jaro_winkler_ascii(matcher, right, right_len, &fast))
		REQUIRE(fast == winkler);
	REQUIRE(cj_name_similarity(matcher, x, y) >= 0);
	memset(matcher, 0, sizeof(*matcher));
	free(a);
	free(b);
}

int
main(int argc, char **argv)
{
	long		runs = argc > 1 ? atol(argv[1]) : 100000;
	int64		accepted = 0;
	CjTextMatcher matcher;

	seed_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	memset(&matcher, 0, sizeof(matcher));
	for (long i = 0; i < runs; i++)
	{
		char		left[MOST_BYTES];
		char		right[MOST_BYTES];
		int			left_len = make_text(left);
		int			right_len = make_text(right);

		current_len = left_len;
		memcpy(current, left, left_len);
		if (sigsetjmp(server_error, 0) != 0)
		{
			fprintf(stderr, "unexpected error %s\n", server_sqlstate);
			abort();
		}
		accepted += normalizers(left, left_len) > 0;
		distances(&matcher, left, left_len, right, right_len);
		server_reset();
	}
	printf("identity texts: %ld tried, " INT64_FORMAT " accepted\n", runs, accepted);
	return 0;
}
