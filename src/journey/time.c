/*-------------------------------------------------------------------------
 *
 * time.c
 *		ISO times as text, in UTC, whatever the session's settings say.
 *
 * The server's own timestamptz input and output follow DateStyle and TimeZone,
 * so they cannot serve values whose text form must always mean the same.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "compat.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "journey/journey.h"

void
cj_append_time(StringInfo to, TimestampTz time)
{
	int64		days = time / USECS_PER_DAY;
	int64		usec = time % USECS_PER_DAY;
	int			year;
	int			month;
	int			day;

	if (usec < 0)
	{
		usec += USECS_PER_DAY;
		days--;
	}
	j2date((int) days + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	appendStringInfo(to, "%04d-%02d-%02d %02d:%02d:%02d",
					 year > 0 ? year : 1 - year, month, day,
					 (int) (usec / USECS_PER_HOUR),
					 (int) (usec / USECS_PER_MINUTE % 60),
					 (int) (usec / USECS_PER_SEC % 60));
	usec %= USECS_PER_SEC;
	if (usec != 0)
	{
		appendStringInfo(to, ".%06d", (int) usec);
		while (to->data[to->len - 1] == '0')
			to->data[--to->len] = '\0';
	}
	appendStringInfoString(to, year > 0 ? "+00" : "+00 BC");
}

/* Reads between "least" and "most" digits; false if there are not so many. */
static bool
digits(const char **at, const char *end, int least, int most, int *number)
{
	int			n = 0;

	*number = 0;
	while (*at < end && n < most && **at >= '0' && **at <= '9')
	{
		*number = *number * 10 + (**at - '0');
		(*at)++;
		n++;
	}
	return n >= least && !(*at < end && **at >= '0' && **at <= '9');
}

static bool
skip_char(const char **at, const char *end, char c)
{
	if (*at >= end || **at != c)
		return false;
	(*at)++;
	return true;
}

/* Up to six decimal places of a second; more must be zeros. */
static bool
fraction(const char **at, const char *end, int64 *usec)
{
	int64		unit = USECS_PER_SEC / 10;
	const char *start = *at;

	while (*at < end && **at >= '0' && **at <= '9')
	{
		if (unit == 0 && **at != '0')
			return false;
		*usec += (**at - '0') * unit;
		unit /= 10;
		(*at)++;
	}
	return *at > start;
}

/* Time of day in microseconds: hh:mm[:ss[.ffffff]] */
static CjTimeSyntax
time_of_day(const char **at, const char *end, int64 *usec)
{
	const char *start = *at;
	int			hour;
	int			minute;
	int			second = 0;
	int64		part = 0;

	if (!digits(at, end, 2, 2, &hour) || !skip_char(at, end, ':') ||
		!digits(at, end, 2, 2, &minute))
		return CJ_TIME_MALFORMED;
	if (skip_char(at, end, ':'))
	{
		if (!digits(at, end, 2, 2, &second))
			return CJ_TIME_MALFORMED;
		if (skip_char(at, end, '.') && !fraction(at, end, &part))
			return CJ_TIME_MALFORMED;
	}
	*usec = hour * USECS_PER_HOUR + minute * USECS_PER_MINUTE + second * USECS_PER_SEC + part;
	if (minute > 59 || second > 59 || *usec > USECS_PER_DAY)
	{
		*at = start;
		return CJ_TIME_FIELD;
	}
	return CJ_TIME_OK;
}

/* Offset from UTC in seconds: Z, or sign, hh, and optionally mm and ss with or without colons. */
static CjTimeSyntax
offset_from_utc(const char **at, const char *end, int *seconds, bool *given)
{
	const char *start = *at;
	int			part[3] = {0, 0, 0};
	int			sign;

	*seconds = 0;
	*given = true;
	if (skip_char(at, end, 'Z') || skip_char(at, end, 'z'))
		return CJ_TIME_OK;
	if (*at >= end || (**at != '+' && **at != '-'))
	{
		*given = false;
		return CJ_TIME_OK;
	}
	sign = *(*at)++ == '-' ? -1 : 1;
	for (int i = 0; i < 3; i++)
	{
		if (i > 0 && !skip_char(at, end, ':'))
			break;
		if (!digits(at, end, 2, 2, &part[i]))
			return CJ_TIME_MALFORMED;
	}
	if (part[0] > 15 || part[1] > 59 || part[2] > 59)
	{
		*at = start;
		return CJ_TIME_FIELD;
	}
	*seconds = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
	return CJ_TIME_OK;
}

static bool
is_before_christ(const char **at, const char *end)
{
	if (end - *at < 3 || pg_strncasecmp(*at, " BC", 3) != 0 ||
		cj_plain_word(*at + 1, end) != 2)
		return false;
	*at += 3;
	return true;
}

/* A calendar day as days since 2000-01-01. */
static CjTimeSyntax
assemble_day(int year, int month, int day, bool bc, int64 *days)
{
	if (year == 0 || month < 1 || month > 12 || day < 1)
		return CJ_TIME_FIELD;
	if (bc)
		year = 1 - year;
	if (day > day_tab[isleap(year)][month - 1])
		return CJ_TIME_FIELD;
	if (!IS_VALID_JULIAN(year, month, day))
		return CJ_TIME_RANGE;
	*days = (int64) date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return CJ_TIME_OK;
}

CjTimeSyntax
cj_parse_time(const char **input, const char *end, bool zone_required, TimestampTz *time)
{
	const char *start = *input;
	int			year;
	int			month;
	int			day;
	int			zone = 0;
	int64		days;
	int64		usec = 0;
	bool		has_zone = false;
	bool		bc;
	CjTimeSyntax result;

	if (!digits(input, end, 4, 6, &year) || !skip_char(input, end, '-') ||
		!digits(input, end, 2, 2, &month) || !skip_char(input, end, '-') ||
		!digits(input, end, 2, 2, &day))
		return CJ_TIME_MALFORMED;
	if (end - *input >= 2 && (**input == ' ' || **input == 'T' || **input == 't') &&
		(*input)[1] >= '0' && (*input)[1] <= '9')
	{
		(*input)++;
		if ((result = time_of_day(input, end, &usec)) != CJ_TIME_OK)
			return result;
		if (end - *input >= 2 && **input == ' ' && ((*input)[1] == '+' || (*input)[1] == '-'))
			(*input)++;
	}
	if ((result = offset_from_utc(input, end, &zone, &has_zone)) != CJ_TIME_OK)
		return result;
	bc = is_before_christ(input, end);
	if (!has_zone && zone_required)
		return CJ_TIME_NO_ZONE;
	result = assemble_day(year, month, day, bc, &days);
	if (result == CJ_TIME_OK &&
		(pg_mul_s64_overflow(days, USECS_PER_DAY, time) ||
		 pg_add_s64_overflow(*time, usec - zone * USECS_PER_SEC, time) ||
		 !IS_VALID_TIMESTAMP(*time)))
		result = CJ_TIME_RANGE;
	if (result != CJ_TIME_OK)
		*input = start;
	return result;
}
