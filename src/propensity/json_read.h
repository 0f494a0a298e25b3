/*-------------------------------------------------------------------------
 *
 * json_read.h
 *		Reading JSON documents field by field.
 *
 * The first fault is recorded (22P02, softly where the server can); after it
 * everything reads as empty, so that callers look at "failed" only where they
 * would otherwise go astray.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JSON_READ_H
#define CJ_JSON_READ_H

#include "nodes/nodes.h"
#include "utils/jsonb.h"

#include "common/text.h"

typedef struct CjJson
{
	const char *what;			/* for messages: what is being read */
	Node	   *escontext;
	bool		failed;
} CjJson;

extern void cj_json_fault(CjJson *json, const char *detail);

/* The document, which must be an object. */
extern JsonbContainer *cj_json_parse(CjJson *json, const char *text);

/* Fields of an object; the "_or" forms take a default where it is absent or null. */
extern CjText cj_json_text(CjJson *json, JsonbContainer *object, const char *name);
extern CjText cj_json_text_or(CjJson *json, JsonbContainer *object, const char *name,
							  const char *otherwise);
extern double cj_json_number_or(CjJson *json, JsonbContainer *object, const char *name,
								double otherwise);
extern int64 cj_json_integer_or(CjJson *json, JsonbContainer *object, const char *name,
								int64 otherwise, int64 least, int64 most);
extern bool cj_json_bool_or(CjJson *json, JsonbContainer *object, const char *name,
							bool otherwise);
extern JsonbContainer *cj_json_array(CjJson *json, JsonbContainer *object, const char *name,
									 bool required);
extern JsonbContainer *cj_json_object(CjJson *json, JsonbContainer *object, const char *name,
									  bool required);

/* Elements of an array. */
extern JsonbContainer *cj_json_element(CjJson *json, JsonbContainer *array, int i);
extern double cj_json_number_at(CjJson *json, JsonbContainer *array, int i);
extern int64 cj_json_integer_at(CjJson *json, JsonbContainer *array, int i);
extern bool cj_json_bool_at(CjJson *json, JsonbContainer *array, int i);
extern double *cj_json_numbers(CjJson *json, JsonbContainer *array, int64 *count);
extern CjText *cj_json_texts(CjJson *json, JsonbContainer *array, int *count);

static inline bool
cj_json_is(CjText t, const char *word)
{
	return t.len == (int32) strlen(word) && memcmp(t.data, word, t.len) == 0;
}

#endif							/* CJ_JSON_READ_H */
