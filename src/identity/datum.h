/*-------------------------------------------------------------------------
 *
 * datum.h
 *		Text arguments and results of the SQL-callable files, as UTF-8.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_IDENTITY_DATUM_H
#define CJ_IDENTITY_DATUM_H

#include "common/text.h"

/* The text's bytes, converted if the database's encoding is not UTF-8. */
extern CjText cj_utf8_arg(const text *value);

extern text *cj_utf8_text(const char *utf8, int len);

#endif							/* CJ_IDENTITY_DATUM_H */
