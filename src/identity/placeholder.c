/*-------------------------------------------------------------------------
 *
 * placeholder.c
 *		Values that people type when they have none, and slips in dates.
 *
 * A placeholder agrees with every other placeholder and says nothing about who
 * somebody is; linkage treats it as missing.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/identity.h"

static const char *const nothing_words[] = {
	"anonima", "anonimo", "anonymous", "apellido", "asdf", "aaa", "customer",
	"cliente", "dato no disponible", "desconocida", "desconocido", "dummy",
	"fake", "first name", "generico", "invalid", "last name", "missing", "n a",
	"na", "nan", "nd", "n d", "ninguna", "ninguno", "no aplica", "no consta",
	"no disponible", "no email", "no informado", "no name", "no tiene", "nombre",
	"noname", "none", "not applicable", "not available", "not provided", "null",
	"nulo", "prueba", "qwerty", "s n", "sin apellido", "sin apellidos",
	"sin datos", "sin especificar", "sin nombre", "sn", "tba", "tbd", "test",
	"testing", "unknown", "user", "usuario", "x", "xx", "xxx", "xyz",
};

static const char *const nothing_mailboxes[] = {
	"a", "abc", "anonimo", "anonymous", "asdf", "cliente", "desconocido", "example",
	"fake", "na", "nadie", "ninguno", "no", "no-reply", "nobody", "noemail", "nomail",
	"none", "noreply", "notiene", "nouser", "null", "prueba", "sinmail", "sincorreo",
	"sinemail", "test", "testing", "unknown", "user", "usuario", "x", "xx", "xxx",
};

static const char *const nothing_domains[] = {
	"example.com", "example.net", "example.org", "test.com", "test.es", "email.com",
	"nomail.com", "noemail.com", "none.com", "mailinator.com", "prueba.com", "fake.com",
	"domain.com", "invalid.com",
};

static const char *const nothing_dates[] = {
	"00000000", "00010101", "10000101", "11111111", "17530101", "18000101", "18991230",
	"18991231", "19000101", "19010101", "19000102", "19700101", "20991231", "22220222",
	"99991231",
};

static bool
among(const char *value, int len, const char *const *table, int n)
{
	for (int i = 0; i < n; i++)
		if (len > 0 && table[i][0] == value[0] && (int) strlen(table[i]) == len &&
			memcmp(value, table[i], len) == 0)
			return true;
	return false;
}

/* How many characters at the end are the same one. */
static int
equal_tail(const char *s, int len)
{
	int			n = Min(len, 1);

	while (n > 0 && n < len && s[len - 1 - n] == s[len - 1])
		n++;
	return n;
}

/* Does s end with n digits that each are the one before plus "step"? */
static bool
run_at_end(const char *s, int len, int n, int step)
{
	if (len < n)
		return false;
	for (int i = len - n + 1; i < len; i++)
		if (s[i] - s[i - 1] != step && !(s[i - 1] == '9' && s[i] == '0' && step == 1))
			return false;
	return true;
}

static int
digits_of(const char *value, int len, char *to, int room)
{
	int			n = 0;

	for (int i = 0; i < len && n < room; i++)
		if (value[i] >= '0' && value[i] <= '9')
			to[n++] = value[i];
	return n;
}

static bool
is_nothing_email(const char *value, int len)
{
	char		lower[320];
	const char *at;
	int			local;

	if (len <= 0 || len > (int) sizeof(lower))
		return false;
	for (int i = 0; i < len; i++)
		lower[i] = value[i] >= 'A' && value[i] <= 'Z' ? value[i] + 32 : value[i];
	at = memchr(lower, '@', len);
	if (at == NULL)
		return false;
	local = (int) (at - lower);
	return among(lower, local, nothing_mailboxes, lengthof(nothing_mailboxes)) ||
		among(at + 1, len - local - 1, nothing_domains, lengthof(nothing_domains));
}

static bool
is_nothing_number(const char *value, int len, CjKind kind)
{
	char		digits[32];
	int			n = digits_of(value, len, digits, sizeof(digits));

	if (kind == CJ_KIND_DATE)
		return n >= 8 && among(digits, 8, nothing_dates, lengthof(nothing_dates));
	if (n == 0)
		return false;
	return equal_tail(digits, n) >= Min(n, kind == CJ_KIND_PHONE ? 7 : 8) ||
		run_at_end(digits, n, 8, 1) || run_at_end(digits, n, 8, -1);
}

bool
cj_is_placeholder(const char *value, int len, CjKind kind)
{
	char		buffer[136];
	int			n;

	if (kind == CJ_KIND_EMAIL && is_nothing_email(value, len))
		return true;
	if (kind == CJ_KIND_PHONE || kind == CJ_KIND_DATE || kind == CJ_KIND_DOCUMENT)
		if (is_nothing_number(value, len, kind))
			return true;
	if (len > 64)
		return false;
	n = cj_normalize(value, len, buffer);
	if (n == 0)
		return true;			/* blanks and punctuation only */
	/* xxx, 0000; but 2222 is a postcode */
	if (n >= 3 && equal_tail(buffer, n) == n)
		return buffer[0] < '1' || buffer[0] > '9' || n >= 6;
	return among(buffer, n, nothing_words, lengthof(nothing_words));
}

/* ---- dates ---- */

static int
differing_digits(const char *a, const char *b)
{
	int			n = 0;

	for (int i = 0; i < 8; i++)
		n += a[i] != b[i];
	return n;
}

/* Two neighbouring digits that changed places, and nothing else. */
static bool
swapped_digits(const char *a, const char *b)
{
	for (int i = 0; i < 7; i++)
		if (a[i] != b[i])
			return a[i] == b[i + 1] && a[i + 1] == b[i] && memcmp(a + i + 2, b + i + 2, 6 - i) == 0;
	return false;
}

double
cj_date_similarity(int year_a, int month_a, int day_a, int year_b, int month_b, int day_b)
{
	char		a[24];
	char		b[24];
	int			same = (year_a == year_b) + (month_a == month_b) + (day_a == day_b);

	if (same == 3)
		return 1.0;
	if (year_a == year_b && month_a == day_b && day_a == month_b)
		return 0.95;
	snprintf(a, sizeof(a), "%04d%02d%02d", year_a % 10000, month_a % 100, day_a % 100);
	snprintf(b, sizeof(b), "%04d%02d%02d", year_b % 10000, month_b % 100, day_b % 100);
	if (differing_digits(a, b) == 1 || swapped_digits(a, b))
		return 0.9;
	if (same == 2 && abs(year_a - year_b) <= 1 && abs(day_a - day_b) <= 1 &&
		abs(month_a - month_b) <= 1)
		return 0.85;
	if (same == 2)
		return 0.75;
	if (year_a == year_b)
		return 0.4;
	return abs(year_a - year_b) <= 1 ? 0.2 : 0.0;
}
