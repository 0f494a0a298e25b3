/*-------------------------------------------------------------------------
 *
 * arguments.c
 *		Arguments that are arrays or intervals, checked in one place.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/timestamp.h"

#include "common/common.h"

CjText *
cj_text_array(ArrayType *array, const char *argument, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	CjText	   *texts;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"%s\" must be a one-dimensional array", argument)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, count);
	texts = palloc_array(CjText, Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		text	   *element;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" must not contain NULL", argument),
					 errdetail("Element %d is NULL.", i + 1)));
		element = DatumGetTextPP(elements[i]);
		texts[i].data = VARDATA_ANY(element);
		texts[i].len = VARSIZE_ANY_EXHDR(element);
	}
	return texts;
}

int64
cj_interval_usec(const Interval *interval, const char *what)
{
	int64		days;
	int64		usec;

	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not contain months or years", what),
				 errdetail("The length of a month varies, and durations here are exact."),
				 errhint("Write it in days, such as '30 days'.")));
	if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &days) ||
		pg_add_s64_overflow(days, interval->time, &usec))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is out of range", what)));
	return usec;
}

int64
cj_interval_usec_positive(const Interval *interval, const char *what)
{
	int64		usec = cj_interval_usec(interval, what);

	if (usec < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not be negative", what)));
	return usec;
}

Interval *
cj_usec_interval(uint64 usec)
{
	Interval   *interval = palloc_object(Interval);

	interval->month = 0;
	interval->day = (int32) (usec / (uint64) USECS_PER_DAY);
	interval->time = (int64) (usec % (uint64) USECS_PER_DAY);
	return interval;
}
