/*-------------------------------------------------------------------------
 *
 * server.c
 *		Stand-ins for the few server functions that kernel files call, so that
 *		they can be run outside the server, under sanitizers.
 *
 * Every palloc is a malloc of exactly the size asked for, so that reading or
 * writing one byte too far is seen.  A header before each chunk links it into a
 * list; under AddressSanitizer the header is poisoned while nobody looks at it.
 * An error unwinds with siglongjmp, as in the server.
 *
 * Where the server's own function is long, the stand-in is another way to the
 * same answer: a calendar by counting, the shortest decimal by trying.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <signal.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "server.h"

#if defined(__SANITIZE_ADDRESS__)
#define POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON 1
#endif
#endif

#ifdef POISON
#include <sanitizer/asan_interface.h>
#define hide(chunk)		ASAN_POISON_MEMORY_REGION(chunk, sizeof(Chunk))
#define reveal(chunk)	ASAN_UNPOISON_MEMORY_REGION(chunk, sizeof(Chunk))
#else
#define hide(chunk)		((void) 0)
#define reveal(chunk)	((void) 0)
#endif

/* ---- memory ---- */

typedef struct Chunk
{
	struct Chunk *next;
	struct Chunk *previous;
	size_t		size;
	size_t		unused;			/* keeps what follows aligned as palloc does */
} Chunk;

static Chunk *chunks;
static size_t allocated;
size_t		server_peak;
MemoryContext CurrentMemoryContext = NULL;

static void *
allocate(Size size, int flags)
{
	Chunk	   *chunk;

	if (size > MaxAllocHugeSize || (size > MaxAllocSize && !(flags & MCXT_ALLOC_HUGE)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("invalid allocation size")));
	chunk = malloc(sizeof(Chunk) + size);
	if (chunk == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg_internal("out of memory")));
	chunk->size = size;
	chunk->previous = NULL;
	chunk->next = chunks;
	if (chunks != NULL)
	{
		reveal(chunks);
		chunks->previous = chunk;
		hide(chunks);
	}
	chunks = chunk;
	allocated += size;
	if (allocated > server_peak)
		server_peak = allocated;
	hide(chunk);
	/* what palloc leaves unset must not matter: make it anything but zero */
	memset(chunk + 1, flags & MCXT_ALLOC_ZERO ? 0 : 0x7e, size);
	return chunk + 1;
}

void
pfree(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;
	Chunk	   *next;
	Chunk	   *previous;

	reveal(chunk);
	next = chunk->next;
	previous = chunk->previous;
	allocated -= chunk->size;
	if (next != NULL)
	{
		reveal(next);
		next->previous = previous;
		hide(next);
	}
	if (previous != NULL)
	{
		reveal(previous);
		previous->next = next;
		hide(previous);
	}
	else
		chunks = next;
	free(chunk);
}

void
server_reset(void)
{
	while (chunks != NULL)
		pfree(chunks + 1);
}

void *
repalloc_huge(void *pointer, Size size)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;
	Size		old;
	void	   *moved = allocate(size, MCXT_ALLOC_HUGE);

	reveal(chunk);
	old = chunk->size;
	hide(chunk);
	memcpy(moved, pointer, Min(old, size));
	pfree(pointer);
	return moved;
}

void *
repalloc(void *pointer, Size size)
{
	return repalloc_huge(pointer, size);
}

void *
palloc(Size size)
{
	return allocate(size, 0);
}

void *
palloc0(Size size)
{
	return allocate(size, MCXT_ALLOC_ZERO);
}

void *
palloc_extended(Size size, int flags)
{
	return allocate(size, flags);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return allocate(size, 0);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return allocate(size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return allocate(size, MCXT_ALLOC_HUGE);
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	return allocate(size, flags);
}

char *
pnstrdup(const char *in, Size len)
{
	Size		used = strnlen(in, len);
	char	   *copy = palloc(used + 1);

	memcpy(copy, in, used);
	copy[used] = '\0';
	return copy;
}

extern Size mul_size(Size a, Size b);
extern void *palloc_mul(Size a, Size b);

Size
mul_size(Size a, Size b)
{
	Size		product;

	if (__builtin_mul_overflow(a, b, &product))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg_internal("size overflows")));
	return product;
}

/* The server's macros for arrays call this from some minor releases on. */
void *
palloc_mul(Size a, Size b)
{
	return palloc(mul_size(a, b));
}

/* ---- errors ---- */

sigjmp_buf	server_error;
char		server_sqlstate[6];
volatile sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

bool
errstart(int elevel, const char *domain)
{
	if (elevel < ERROR)
		return false;
	strcpy(server_sqlstate, "XX000");
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	for (int i = 0; i < 5; i++, sqlerrcode >>= 6)
		server_sqlstate[i] = PGUNSIXBIT(sqlerrcode);
	server_sqlstate[5] = '\0';
	return 0;
}

/* Formats and forgets: a bad argument of a message is a fault too. */
static int
format(const char *fmt, va_list args)
{
	char		buffer[1024];

	vsnprintf(buffer, sizeof(buffer), fmt, args);
	return 0;
}

#define MESSAGE_PART(name) \
	int \
	name(const char *fmt,...) \
	{ \
		va_list		args; \
		int			result; \
\
		va_start(args, fmt); \
		result = format(fmt, args); \
		va_end(args); \
		return result; \
	}

MESSAGE_PART(errmsg)
MESSAGE_PART(errmsg_internal)
MESSAGE_PART(errdetail)
MESSAGE_PART(errhint)

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	siglongjmp(server_error, 1);
}

struct Node;
extern bool errsave_start(struct Node *context, const char *domain);
extern void errsave_finish(struct Node *context, const char *filename, int lineno, const char *funcname);

bool
errsave_start(struct Node *context, const char *domain)
{
	return errstart(ERROR, domain);
}

void
errsave_finish(struct Node *context, const char *filename, int lineno, const char *funcname)
{
	siglongjmp(server_error, 1);
}

/* ---- strings ---- */

void
initStringInfo(StringInfo to)
{
	memset(to, 0, sizeof(*to));
	to->maxlen = 64;
	to->data = palloc(to->maxlen);
	to->data[0] = '\0';
}

void
enlargeStringInfo(StringInfo to, int needed)
{
	while (to->len + needed + 1 > to->maxlen)
	{
		to->maxlen *= 2;
		to->data = repalloc(to->data, to->maxlen);
	}
}

/* Declared by its symbol, because the type of data differs between servers. */
extern void append_bytes(StringInfo to, const void *data, int len) __asm__("appendBinaryStringInfo");

void
append_bytes(StringInfo to, const void *data, int len)
{
	enlargeStringInfo(to, len);
	memcpy(to->data + to->len, data, len);
	to->len += len;
	to->data[to->len] = '\0';
}

void
appendStringInfoString(StringInfo to, const char *s)
{
	append_bytes(to, s, strlen(s));
}

#undef appendStringInfoChar
void
appendStringInfoChar(StringInfo to, char c)
{
	append_bytes(to, &c, 1);
}

void
appendStringInfo(StringInfo to, const char *fmt,...)
{
	char		buffer[256];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(buffer, sizeof(buffer), fmt, args);
	va_end(args);
	appendStringInfoString(to, buffer);
}

int
pg_strncasecmp(const char *a, const char *b, size_t n)
{
	return strncasecmp(a, b, n);
}

extern uint32 hash_bytes(const unsigned char *key, int len);
extern int	double_to_shortest_decimal_buf(double value, char *result);

/* Any hash will do: FNV-1a. */
uint32
hash_bytes(const unsigned char *key, int len)
{
	uint32		hash = 2166136261u;

	for (int i = 0; i < len; i++)
		hash = (uint32) ((uint64) (hash ^ key[i]) * 16777619u);
	return hash ^ hash >> 15;
}

int
double_to_shortest_decimal_buf(double value, char *result)
{
	for (int digits = 1; digits <= 17; digits++)
	{
		snprintf(result, 25, "%.*g", digits, value);
		if (strtod(result, NULL) == value)
			break;
	}
	return strlen(result);
}

/* ---- sorting ---- */

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	if (n > 1)
		qsort(base, n, size, compare);
}

void
qsort_arg(void *base, size_t n, size_t size, qsort_arg_comparator compare, void *arg)
{
	/* insertion: the fuzzer's name lists are short */
	char	   *moving = palloc(size);

	for (size_t i = 1; i < n; i++)
	{
		size_t		j = i;

		memcpy(moving, (char *) base + i * size, size);
		for (; j > 0 && compare((char *) base + (j - 1) * size, moving, arg) > 0; j--)
			memcpy((char *) base + j * size, (char *) base + (j - 1) * size, size);
		memcpy((char *) base + j * size, moving, size);
	}
	pfree(moving);
}

/* ---- characters: the database's encoding is UTF-8 ---- */

extern int	GetDatabaseEncoding(void);
extern int	pg_utf_mblen(const unsigned char *s);
extern int	pg_utf_mblen_private(const unsigned char *s);
extern unsigned int utf8_to_unicode(const unsigned char *c);
extern int	pg_mbstrlen_with_len(const char *s, int len);
extern int	pg_mbcliplen(const char *s, int len, int limit);
extern char *pg_client_to_server(const char *s, int len);

int
GetDatabaseEncoding(void)
{
	return 6;					/* PG_UTF8 */
}

int
pg_utf_mblen(const unsigned char *s)
{
	return *s < 0x80 ? 1 : (*s & 0xe0) == 0xc0 ? 2 :
		(*s & 0xf0) == 0xe0 ? 3 : (*s & 0xf8) == 0xf0 ? 4 : 1;
}

int
pg_utf_mblen_private(const unsigned char *s)
{
	return pg_utf_mblen(s);
}

unsigned int
utf8_to_unicode(const unsigned char *c)
{
	int			len = pg_utf_mblen(c);
	unsigned int code = len == 1 ? c[0] : c[0] & (0x7f >> len);

	if (len == 1 && c[0] >= 0x80)
		return 0xffffffff;
	for (int i = 1; i < len; i++)
		code = code << 6 | (c[i] & 0x3f);
	return code;
}

int
pg_mbcliplen(const char *s, int len, int limit)
{
	int			clipped = 0;

	while (clipped < len && s[clipped] != '\0')
	{
		int			next = pg_utf_mblen((const unsigned char *) s + clipped);

		if (clipped + next > limit)
			break;
		clipped += next;
	}
	return Min(clipped, len);
}

int
pg_mbstrlen_with_len(const char *s, int len)
{
	int			characters = 0;

	for (int at = 0; at < len && s[at] != '\0'; characters++)
		at += pg_utf_mblen((const unsigned char *) s + at);
	return characters;
}

/* Only checks, roughly: the client's encoding is UTF-8 as well. */
char *
pg_client_to_server(const char *s, int len)
{
	for (int at = 0; at < len;)
	{
		int			next = pg_utf_mblen((const unsigned char *) s + at);
		bool		good = at + next <= len && (next > 1 || !IS_HIGHBIT_SET(s[at]));

		for (int i = 1; good && i < next; i++)
			good = ((unsigned char) s[at + i] & 0xc0) == 0x80;
		if (!good)
			ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
							errmsg_internal("invalid byte sequence")));
		at += next;
	}
	return unconstify(char *, s);
}

/* ---- the calendar, by counting years and months ---- */

extern const int day_tab[2][13];
extern int	date2j(int year, int month, int day);
extern void j2date(int jd, int *year, int *month, int *day);

const int	day_tab[2][13] = {
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0},
	{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0}
};

static bool
leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1 January 4801 BC (year -4800) to 1 January of a year. */
static int
days_before(int year)
{
	int			y = year + 4800 - 1;	/* whole years since, less one */

	return year == -4800 ? 0 : 366 + y * 365 + y / 4 - y / 100 + y / 400;
}

/* Julian day of 1 January -4800: day 0 is 24 November -4713. */
#define FIRST_JULIAN	(-32104)

int
date2j(int year, int month, int day)
{
	int			days = FIRST_JULIAN + days_before(year) + day - 1;

	for (int m = 1; m < month; m++)
		days += day_tab[leap(year)][m - 1];
	return days;
}

void
j2date(int jd, int *year, int *month, int *day)
{
	int			y = (int) ((double) (jd - FIRST_JULIAN) / 365.2425) - 4800;

	while (date2j(y + 1, 1, 1) <= jd)
		y++;
	while (date2j(y, 1, 1) > jd)
		y--;
	*year = y;
	jd -= date2j(y, 1, 1);
	for (*month = 1; jd >= day_tab[leap(y)][*month - 1]; (*month)++)
		jd -= day_tab[leap(y)][*month - 1];
	*day = jd + 1;
}
