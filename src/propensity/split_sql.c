/*-------------------------------------------------------------------------
 *
 * split_sql.c
 *		Stable splits of rows by a hash of their key.
 *
 * The hash is FNV-1a over salt, a zero byte and the key's text, finished by a
 * mixer; its upper 53 bits are a number from 0 to 1.  It depends on neither
 * server, version nor architecture, and 42, '42' and any other way to write a
 * key that has the same text fall on the same side.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

PG_FUNCTION_INFO_V1(cj_holdout_text);
PG_FUNCTION_INFO_V1(cj_holdout_bigint);
PG_FUNCTION_INFO_V1(cj_holdout_uuid);
PG_FUNCTION_INFO_V1(cj_fold_text);
PG_FUNCTION_INFO_V1(cj_fold_bigint);
PG_FUNCTION_INFO_V1(cj_fold_uuid);

static uint64
add_bytes(uint64 hash, const char *bytes, int len)
{
	for (int i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64CONST(1099511628211);
	return hash;
}

/* Where on 0 to 1 a key stands. */
static double
place(text *salt, const char *key, int len)
{
	uint64		hash = UINT64CONST(14695981039346656037);

	hash = add_bytes(hash, VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt));
	hash = add_bytes(hash, "", 1);
	hash = add_bytes(hash, key, len);
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	return (double) (hash >> 11) / (double) (UINT64CONST(1) << 53);
}

static Datum
holdout(FunctionCallInfo fcinfo, const char *key, int len)
{
	double		share = PG_GETARG_FLOAT8(1);

	if (!(share >= 0 && share <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"share\" must be from 0 to 1, not %g", share)));
	PG_RETURN_BOOL(place(PG_GETARG_TEXT_PP(2), key, len) < share);
}

static Datum
fold(FunctionCallInfo fcinfo, const char *key, int len)
{
	int32		folds = PG_GETARG_INT32(1);

	if (folds < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"folds\" must be at least 1, not %d", folds)));
	PG_RETURN_INT32(1 + (int32) (place(PG_GETARG_TEXT_PP(2), key, len) * folds));
}

/*
 * holdout(key, share, salt) -> boolean
 */
Datum
cj_holdout_text(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(0);

	return holdout(fcinfo, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

Datum
cj_holdout_bigint(PG_FUNCTION_ARGS)
{
	char		key[32];

	return holdout(fcinfo, key, snprintf(key, sizeof(key), INT64_FORMAT, PG_GETARG_INT64(0)));
}

Datum
cj_holdout_uuid(PG_FUNCTION_ARGS)
{
	char	   *key = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)));

	return holdout(fcinfo, key, strlen(key));
}

/*
 * fold(key, folds, salt) -> integer
 */
Datum
cj_fold_text(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(0);

	return fold(fcinfo, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

Datum
cj_fold_bigint(PG_FUNCTION_ARGS)
{
	char		key[32];

	return fold(fcinfo, key, snprintf(key, sizeof(key), INT64_FORMAT, PG_GETARG_INT64(0)));
}

Datum
cj_fold_uuid(PG_FUNCTION_ARGS)
{
	char	   *key = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)));

	return fold(fcinfo, key, strlen(key));
}
