/*-------------------------------------------------------------------------
 *
 * contact.c
 *		E-mail addresses, telephone numbers, Spanish document numbers.
 *
 * Each function gives one spelling to all the ways to write the same thing, or
 * says that the value is no such thing.  Telephone numbers follow the numbering
 * plans of the countries in the table below; only what identifies a number is
 * checked, not whether it is assigned.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/identity.h"

/* ---- e-mail ---- */

static bool
is_local_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) ||
		(c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static bool
is_domain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) ||
		c == '-' || c == '.';
}

/* Neither empty labels nor, for domains, fewer than two of them. */
static bool
labels_valid(const char *s, int len, bool domain)
{
	int			dots = 0;

	if (len == 0 || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (int i = 0; i < len; i++)
	{
		if (!(domain ? is_domain_char(s[i]) : is_local_char(s[i])))
			return false;
		if (s[i] == '.')
		{
			dots++;
			if (s[i - 1] == '.')
				return false;
		}
	}
	return !domain || dots > 0;
}

int
cj_email(const char *from, int len, bool plus, bool dots, char *to)
{
	int			local;
	int			domain_len;
	char	   *domain;
	int			kept = 0;
	bool		gmail;

	while (len > 0 && (*from == ' ' || *from == '\t' || *from == '<'))
		from++, len--;
	while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t' || from[len - 1] == '>'))
		len--;
	if (len > 254)
		return -1;
	for (int i = 0; i < len; i++)
		to[i] = from[i] >= 'A' && from[i] <= 'Z' ? from[i] + 32 : from[i];
	for (local = 0; local < len && to[local] != '@'; local++)
		;
	domain = to + local + 1;
	domain_len = len - local - 1;
	if (local > 64 || !labels_valid(to, local, false) || domain_len < 3 ||
		!labels_valid(domain, domain_len, true))
		return -1;
	gmail = (domain_len == 9 && memcmp(domain, "gmail.com", 9) == 0) ||
		(domain_len == 14 && memcmp(domain, "googlemail.com", 14) == 0);
	for (int i = 0; i < local; i++)
	{
		if (to[i] == '+' && plus && i > 0)
			break;
		if (to[i] != '.' || !dots || !gmail)
			to[kept++] = to[i];
	}
	to[kept++] = '@';
	if (gmail && dots)
	{
		domain = "gmail.com";
		domain_len = 9;
	}
	memmove(to + kept, domain, domain_len);
	return kept + domain_len;
}

/* ---- telephone ---- */

typedef struct Plan
{
	const char *region;
	const char *code;			/* country code */
	const char *trunk;			/* digits to drop before national numbers */
	int			least;			/* digits of a national number */
	int			most;
	const char *first;			/* digits it may begin with */
} Plan;

static const Plan plans[] = {
	{"AR", "54", "0", 10, 11, "123456789"},
	{"BR", "55", "0", 10, 11, "123456789"},
	{"CA", "1", "1", 10, 10, "23456789"},
	{"CL", "56", "0", 9, 9, "23456789"},
	{"CO", "57", "0", 10, 10, "36"},
	{"DE", "49", "0", 6, 12, "123456789"},
	{"ES", "34", "", 9, 9, "6789"},
	{"FR", "33", "0", 9, 9, "123456789"},
	{"GB", "44", "0", 9, 10, "123456789"},
	{"IT", "39", "", 8, 11, "03"},
	{"MX", "52", "01", 10, 10, "23456789"},
	{"PE", "51", "0", 8, 9, "123456789"},
	{"PT", "351", "", 9, 9, "2379"},
	{"US", "1", "1", 10, 10, "23456789"},
};

static const Plan *
find_plan(const char *region)
{
	for (int i = 0; i < (int) lengthof(plans); i++)
		if (pg_strcasecmp(plans[i].region, region) == 0)
			return &plans[i];
	return NULL;
}

bool
cj_phone_region_known(const char *region)
{
	return find_plan(region) != NULL;
}

static bool
starts_with(const char *digits, int n, const char *prefix)
{
	int			len = strlen(prefix);

	return len > 0 && n > len && memcmp(digits, prefix, len) == 0;
}

/*
 * Argentina: national numbers are 10 digits; mobiles are dialled with 15 after
 * the area code (2 digits in Buenos Aires, else 3 or 4) and written with 9
 * before it abroad.
 */
static int
argentine(char *digits, int n)
{
	int			area = starts_with(digits, n, "11") ? 2 : 3;

	if (n == 12)
	{
		for (; area <= 4; area++)
			if (digits[area] == '1' && digits[area + 1] == '5')
			{
				memmove(digits + 1, digits, area);
				memmove(digits + area + 1, digits + area + 2, n - area - 2);
				digits[0] = '9';
				return 11;
			}
		return n;
	}
	return n;
}

/* The national number in digits[0..n) without what is only dialled; its length. */
static int
national(const Plan *plan, char *digits, int n)
{
	int			drop = 0;

	if (plan->code[0] == '5' && plan->code[1] == '2')
	{
		/* Mexico: 044 and 045 led to mobiles, and 1 did from abroad */
		if (starts_with(digits, n, "044") || starts_with(digits, n, "045"))
			drop = 3;
		else if (n == 12 && starts_with(digits, n, "01"))
			drop = 2;
		else if (n == 11 && digits[0] == '1')
			drop = 1;
	}
	else if (starts_with(digits, n, plan->trunk) && n > plan->least)
		drop = strlen(plan->trunk);
	memmove(digits, digits + drop, n - drop);
	n -= drop;
	return strcmp(plan->code, "54") == 0 ? argentine(digits, n) : n;
}

/* Is it one digit over and over, which nobody has as a number? */
static bool
one_digit(const char *digits, int n)
{
	for (int i = 1; i < n; i++)
		if (digits[i] != digits[0])
			return false;
	return true;
}

static const Plan *
plan_of_code(const char *digits, int n)
{
	for (int i = 0; i < (int) lengthof(plans); i++)
		if (starts_with(digits, n, plans[i].code))
			return &plans[i];
	return NULL;
}

int
cj_phone(const char *from, int len, const char *region, char *to)
{
	char		digits[CJ_PHONE_SIZE];
	int			n = 0;
	bool		international = false;
	const Plan *plan;
	int			code;

	for (int i = 0; i < len; i++)
	{
		if (from[i] >= '0' && from[i] <= '9')
		{
			if (n == 20)
				return -1;
			digits[n++] = from[i];
		}
		else if (from[i] == '+' && n == 0)
			international = true;
		else if (from[i] == '\0' || strchr(" -()./\t", from[i]) == NULL)
		{
			if ((unsigned char) from[i] < 0x80)
				return -1;
		}
	}
	if (!international && starts_with(digits, n, "00") && n > 10)
	{
		memmove(digits, digits + 2, n - 2);
		n -= 2;
		international = true;
	}
	plan = international ? plan_of_code(digits, n) : find_plan(region);
	code = plan == NULL ? 0 : strlen(plan->code);
	if (international && plan != NULL)
		memmove(digits, digits + code, n -= code);
	if (plan != NULL)
	{
		n = national(plan, digits, n);
		if (n < plan->least || n > plan->most || strchr(plan->first, digits[0]) == NULL)
			return -1;
	}
	else if (n < 8 || n > 15)
		return -1;
	if (one_digit(digits, n))
		return -1;
	to[0] = '+';
	memcpy(to + 1, plan == NULL ? "" : plan->code, code);
	memcpy(to + 1 + code, digits, n);
	return 1 + code + n;
}

/* ---- documents ---- */

/* Control character of a company's number: digits in odd places count double. */
static bool
company_valid(const char *s)
{
	int			sum = 0;
	int			control;

	for (int i = 1; i <= 7; i++)
	{
		int			d = s[i] - '0';

		if (s[i] < '0' || s[i] > '9')
			return false;
		sum += i % 2 == 1 ? d * 2 / 10 + d * 2 % 10 : d;
	}
	control = (10 - sum % 10) % 10;
	return (strchr("PQRSWNK", s[0]) == NULL && s[8] == '0' + control) ||
		(strchr("ABEH", s[0]) == NULL && s[8] == "JABCDEFGHI"[control]);
}

int
cj_document(const char *from, int len, char *to)
{
	static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
	char		s[CJ_DOCUMENT_SIZE];
	int			n = 0;
	int			number = 0;

	for (int i = 0; i < len; i++)
	{
		char		c = from[i] >= 'a' && from[i] <= 'z' ? from[i] - 32 : from[i];

		if (c == '\0' || strchr(" -./\t", c) != NULL)
			continue;
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) || n == 10)
			return -1;
		s[n++] = c;
	}
	/* leading zeros of a number are often lost, or one too many is written */
	if (n == 10 && s[0] == '0')
		memmove(s, s + 1, --n);
	while (n >= 6 && n < 9 && s[0] >= '0' && s[0] <= '9')
	{
		memmove(s + 1, s, n++);
		s[0] = '0';
	}
	if (n != 9)
		return -1;
	memcpy(to, s, 9);
	if (strchr("ABCDEFGHJNPQRSUVW", s[0]) != NULL)
		return company_valid(s) ? 9 : -1;
	if (s[0] >= 'X' && s[0] <= 'Z')
		s[0] = '0' + (s[0] - 'X');
	for (int i = 0; i < 8; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return -1;
		number = number * 10 + (s[i] - '0');
	}
	return s[8] == letters[number % 23] ? 9 : -1;
}
