/*-------------------------------------------------------------------------
 *
 * jsonb_sql.c
 *		Casts between journey and jsonb.
 *
 * A journey is an array of objects {"occurred_at", "event", "channel", "value",
 * "item"}; keys of absent attributes are left out.  Times are ISO text in UTC;
 * values that JSON numbers cannot hold (NaN, infinities, -0) are text.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_to_jsonb);
PG_FUNCTION_INFO_V1(cj_jsonb_to_journey);

static JsonbValue
json_string(const char *data, int len)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, data);
	v.val.string.len = len;
	return v;
}

static void
push_pair(JsonbParseState **state, const char *key, JsonbValue *value)
{
	JsonbValue	k = json_string(key, strlen(key));

	pushJsonbValue(state, WJB_KEY, &k);
	pushJsonbValue(state, WJB_VALUE, value);
}

static void
push_name(JsonbParseState **state, const char *key, CjText name)
{
	JsonbValue	v = json_string(name.data, name.len);

	push_pair(state, key, &v);
}

static void
push_value(JsonbParseState **state, StringInfo text, double value)
{
	JsonbValue	v;

	resetStringInfo(text);
	cj_append_value(text, value);
	if (isnan(value) || isinf(value) || (value == 0 && signbit(value)))
		v = json_string(pnstrdup(text->data, text->len), text->len);
	else
	{
		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in,
															CStringGetDatum(text->data),
															ObjectIdGetDatum(InvalidOid),
															Int32GetDatum(-1)));
	}
	push_pair(state, "value", &v);
}

Datum
cj_journey_to_jsonb(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	JsonbParseState *state = NULL;
	JsonbValue *result;
	StringInfoData text;		/* for one time or value after the other */

	initStringInfo(&text);
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int32 i = 0; i < view.nevents; i++)
	{
		int32		channel = cj_channel_code(&view, i);
		int32		item = cj_item_code(&view, i);
		double		value;
		JsonbValue	v;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		resetStringInfo(&text);
		cj_append_time(&text, cj_time(&view, i));
		v = json_string(pnstrdup(text.data, text.len), text.len);
		push_pair(&state, "occurred_at", &v);
		push_name(&state, "event", cj_name(&view.events, cj_event_code(&view, i)));
		if (channel != CJ_ABSENT)
			push_name(&state, "channel", cj_name(&view.channels, channel));
		if (cj_value(&view, i, &value))
			push_value(&state, &text, value);
		if (item != CJ_ABSENT)
			push_name(&state, "item", cj_name(&view.items, item));
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	result = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
}

/* ---- from jsonb ---- */

pg_noreturn static void wrong_json(int position, const char *detail);

static void
wrong_json(int position, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot cast jsonb to journey"),
			 position > 0 ? errdetail("Element %d: %s", position, detail) :
			 errdetail("%s", detail),
			 errhint("Give an array of objects such as {\"occurred_at\": \"2026-01-31T10:00:00Z\", \"event\": \"view\", \"channel\": \"web\", \"value\": 9.5, \"item\": \"sku-7\"}.")));
}

static JsonbValue *
member(JsonbContainer *object, const char *key, JsonbValue *space)
{
	JsonbValue *v = getKeyJsonValueFromContainer(object, key, strlen(key), space);

	return v == NULL || v->type == jbvNull ? NULL : v;
}

static CjText
name_member(JsonbContainer *object, const char *key, int position)
{
	JsonbValue	space;
	JsonbValue *v = member(object, key, &space);
	CjText		name = {NULL, 0};

	if (v == NULL)
		return name;
	if (v->type != jbvString)
		wrong_json(position, psprintf("\"%s\" must be a string.", key));
	name.data = v->val.string.val;
	name.len = v->val.string.len;
	return name;
}

static TimestampTz
time_member(JsonbContainer *object, int position)
{
	CjText		given = name_member(object, "occurred_at", position);
	const char *at = given.data;
	TimestampTz time;

	if (given.data == NULL)
		wrong_json(position, "\"occurred_at\" is missing.");
	if (cj_parse_time(&at, given.data + given.len, true, &time) != CJ_TIME_OK ||
		at != given.data + given.len)
		wrong_json(position, psprintf("\"occurred_at\" must be an ISO time with an offset from UTC, not \"%.*s\".",
									  given.len, given.data));
	return time;
}

static bool
value_member(JsonbContainer *object, int position, double *value)
{
	JsonbValue	space;
	JsonbValue *v = member(object, "value", &space);
	static const char *const words[] = {"NaN", "Infinity", "-Infinity", "-0"};
	char	   *text;

	if (v == NULL)
		return false;
	if (v->type == jbvNumeric)
	{
		text = DatumGetCString(DirectFunctionCall1(numeric_out,
												   NumericGetDatum(v->val.numeric)));

		errno = 0;
		*value = strtod(text, NULL);
		if (errno == ERANGE && (isinf(*value) || *value == 0))
			wrong_json(position, "\"value\" is out of range for a float8.");
		return true;
	}
	/* what numbers cannot say is written as text */
	for (int i = 0; v->type == jbvString && i < (int) lengthof(words); i++)
		if (v->val.string.len == (int) strlen(words[i]) &&
			memcmp(v->val.string.val, words[i], v->val.string.len) == 0)
		{
			*value = strtod(words[i], NULL);
			return true;
		}
	wrong_json(position, "\"value\" must be a number, or \"NaN\", \"Infinity\", \"-Infinity\" or \"-0\".");
	return false;				/* keep compilers quiet */
}

static void
check_keys(JsonbContainer *object, int position)
{
	static const char *const known[] = {"occurred_at", "event", "channel", "value", "item"};
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&iterator, &v, true)) != WJB_DONE)
	{
		bool		found = token != WJB_KEY;

		for (int i = 0; i < (int) lengthof(known) && !found; i++)
			found = v.val.string.len == (int) strlen(known[i]) &&
				memcmp(v.val.string.val, known[i], v.val.string.len) == 0;
		if (!found)
			wrong_json(position, psprintf("unknown key \"%.*s\".",
										  v.val.string.len, v.val.string.val));
	}
}

Datum
cj_jsonb_to_journey(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	v;
	CjBuilder	builder;
	int			position = 0;

	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		wrong_json(0, "It is not an array.");
	cj_builder_init(&builder);
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &v, true)) != WJB_DONE)
	{
		JsonbContainer *object;
		CjText		event;
		double		value;
		bool		has_value;

		if (token != WJB_ELEM)
			continue;
		position++;
		CHECK_FOR_INTERRUPTS();
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			wrong_json(position, "it is not an object.");
		object = v.val.binary.data;
		check_keys(object, position);
		event = name_member(object, "event", position);
		if (event.data == NULL)
			wrong_json(position, "\"event\" is missing.");
		has_value = value_member(object, position, &value);
		cj_builder_add(&builder, time_member(object, position), event,
					   name_member(object, "channel", position),
					   has_value ? &value : NULL,
					   name_member(object, "item", position));
	}
	PG_RETURN_JOURNEY(cj_builder_finish(&builder));
}
