/*-------------------------------------------------------------------------
 *
 * hex.c
 *		Text form of packed values: "\x" and hexadecimal digits, as bytea's.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "common/common.h"

struct varlena *
cj_hex_decode(const char *input, const char **fault)
{
	Size		digits = strlen(input);
	struct varlena *value;

	if (digits <= 2 || digits % 2 != 0 || input[0] != '\\' || input[1] != 'x' ||
		strspn(input + 2, "0123456789abcdefABCDEF") != digits - 2)
	{
		*fault = "Expected \\x and hexadecimal digits.";
		return NULL;
	}
	value = palloc(VARHDRSZ + digits / 2 - 1);
	SET_VARSIZE(value, VARHDRSZ + digits / 2 - 1);
	hex_decode(input + 2, digits - 2, VARDATA(value));
	return value;
}

char *
cj_hex_encode(const struct varlena *value)
{
	Size		size = VARSIZE_ANY_EXHDR(value);
	char	   *output = palloc(size * 2 + 3);

	output[0] = '\\';
	output[1] = 'x';
	hex_encode(VARDATA_ANY(value), size, output + 2);
	output[size * 2 + 2] = '\0';
	return output;
}
