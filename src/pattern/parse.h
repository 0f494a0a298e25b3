/*-------------------------------------------------------------------------
 *
 * parse.h
 *		What the parts of the pattern parser share.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATTERN_PARSE_H
#define CJ_PATTERN_PARSE_H

#include "pattern/pattern.h"

typedef struct CjParser
{
	const char *start;
	const char *at;
	const char *end;
	Node	   *escontext;
	bool		failed;
} CjParser;

/* ---- parse_token.c ---- */

/* Records the error at a character: what was expected, and a hint or NULL. */
extern void cj_parse_fail(CjParser *parser, const char *where, const char *expected,
						  const char *hint);

extern void cj_parse_space(CjParser *parser);
extern bool cj_parse_peek(const CjParser *parser, const char *token);
extern bool cj_parse_accept(CjParser *parser, const char *token);

/* The plain word here, case-insensitively the keyword? Consumes it if so. */
extern bool cj_parse_keyword(CjParser *parser, const char *keyword);

/* A name, plain or quoted; false after an error. */
extern bool cj_parse_name(CjParser *parser, const char *expected, CjText *name);
extern bool cj_parse_integer(CjParser *parser, int32 *value);

/* ---- parse_gap.c ---- */

extern bool cj_parse_duration(CjParser *parser, int64 *usec);
extern CjElement *cj_parse_element(CjParser *parser);
extern bool cj_parse_gap(CjParser *parser, CjGap *gap);

#endif							/* CJ_PATTERN_PARSE_H */
