/*-------------------------------------------------------------------------
 *
 * json_read_sql.c
 *		Reading JSON documents field by field, on the server's own jsonb.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "propensity/json_read.h"

void
cj_json_fault(CjJson *json, const char *detail)
{
	if (json->failed)
		return;
	json->failed = true;
	errsave(json->escontext,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input for %s: %s", json->what, detail)));
}

JsonbContainer *
cj_json_parse(CjJson *json, const char *text)
{
	Datum		parsed;
	Jsonb	   *document;

	if (!DirectInputFunctionCallSafe(jsonb_in, unconstify(char *, text), InvalidOid, -1,
									 json->escontext, &parsed))
	{
		json->failed = true;
		return NULL;
	}
	document = DatumGetJsonbP(parsed);
	if (!JB_ROOT_IS_OBJECT(document))
		cj_json_fault(json, "it is not a JSON object");
	return json->failed ? NULL : &document->root;
}

/* A field that is there and not null. */
static bool
find_field(CjJson *json, JsonbContainer *object, const char *name, JsonbValue *value)
{
	if (json->failed || object == NULL)
		return false;
	if (!JsonContainerIsObject(object))
	{
		cj_json_fault(json, "an object was expected");
		return false;
	}
	return getKeyJsonValueFromContainer(object, name, strlen(name), value) != NULL &&
		value->type != jbvNull;
}

static void
wrong_type(CjJson *json, const char *name, const char *wanted)
{
	cj_json_fault(json, psprintf("\"%s\" must be %s", name, wanted));
}

static double
number_of(CjJson *json, const JsonbValue *value, const char *name)
{
	double		number;

	if (value->type != jbvNumeric)
	{
		wrong_type(json, name, "a number");
		return 0;
	}
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(value->val.numeric)));
	if (!isfinite(number))
		wrong_type(json, name, "a number in range");
	return number + 0.0;		/* what is too small to hold is 0, not -0 */
}

static CjText
text_of(const JsonbValue *value)
{
	CjText		t = {value->val.string.val, value->val.string.len};

	return t;
}

CjText
cj_json_text(CjJson *json, JsonbContainer *object, const char *name)
{
	CjText		t = cj_json_text_or(json, object, name, "");

	if (t.len == 0)
		wrong_type(json, name, "there and a string");
	return t;
}

CjText
cj_json_text_or(CjJson *json, JsonbContainer *object, const char *name, const char *otherwise)
{
	JsonbValue	value;
	CjText		t = {otherwise, (int32) strlen(otherwise)};

	if (!find_field(json, object, name, &value))
		return t;
	if (value.type != jbvString)
	{
		wrong_type(json, name, "a string");
		return t;
	}
	return text_of(&value);
}

double
cj_json_number_or(CjJson *json, JsonbContainer *object, const char *name, double otherwise)
{
	JsonbValue	value;

	return find_field(json, object, name, &value) ? number_of(json, &value, name) : otherwise;
}

int64
cj_json_integer_or(CjJson *json, JsonbContainer *object, const char *name,
				   int64 otherwise, int64 least, int64 most)
{
	JsonbValue	value;
	double		number;

	if (!find_field(json, object, name, &value))
		return otherwise;
	number = number_of(json, &value, name);
	if (number != rint(number) || number < least || number > Min((double) most, 9e15))
	{
		wrong_type(json, name, "a whole number in range");
		return otherwise;
	}
	return (int64) number;
}

bool
cj_json_bool_or(CjJson *json, JsonbContainer *object, const char *name, bool otherwise)
{
	JsonbValue	value;

	if (!find_field(json, object, name, &value))
		return otherwise;
	if (value.type != jbvBool)
		wrong_type(json, name, "true or false");
	return value.type == jbvBool && value.val.boolean;
}

static JsonbContainer *
container(CjJson *json, JsonbContainer *object, const char *name, bool required, bool is_array)
{
	JsonbValue	value;

	if (find_field(json, object, name, &value) && value.type == jbvBinary &&
		JsonContainerIsArray(value.val.binary.data) == is_array)
		return value.val.binary.data;
	if (required || find_field(json, object, name, &value))
		wrong_type(json, name, is_array ? "an array" : "an object");
	return NULL;
}

JsonbContainer *
cj_json_array(CjJson *json, JsonbContainer *object, const char *name, bool required)
{
	return container(json, object, name, required, true);
}

JsonbContainer *
cj_json_object(CjJson *json, JsonbContainer *object, const char *name, bool required)
{
	return container(json, object, name, required, false);
}

JsonbContainer *
cj_json_element(CjJson *json, JsonbContainer *array, int i)
{
	JsonbValue *value = json->failed ? NULL : getIthJsonbValueFromContainer(array, i);

	if (value == NULL || value->type != jbvBinary)
	{
		cj_json_fault(json, "an object or array was expected in an array");
		return NULL;
	}
	return value->val.binary.data;
}

double
cj_json_number_at(CjJson *json, JsonbContainer *array, int i)
{
	JsonbValue *value = json->failed ? NULL : getIthJsonbValueFromContainer(array, i);

	if (value == NULL)
	{
		cj_json_fault(json, "an array is too short");
		return 0;
	}
	return number_of(json, value, "every element");
}

int64
cj_json_integer_at(CjJson *json, JsonbContainer *array, int i)
{
	double		number = cj_json_number_at(json, array, i);

	if (number != rint(number) || fabs(number) > PG_INT32_MAX)
	{
		cj_json_fault(json, "a whole number was expected in an array");
		return 0;
	}
	return (int64) number;
}

bool
cj_json_bool_at(CjJson *json, JsonbContainer *array, int i)
{
	JsonbValue *value = json->failed ? NULL : getIthJsonbValueFromContainer(array, i);

	if (value == NULL || value->type != jbvBool)
	{
		cj_json_fault(json, "true or false was expected in an array");
		return false;
	}
	return value->val.boolean;
}

/* All elements; a null among numbers is NaN. */
double *
cj_json_numbers(CjJson *json, JsonbContainer *array, int64 *count)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	double	   *numbers;
	int64		n = 0;

	*count = 0;
	if (json->failed || array == NULL || !JsonContainerIsArray(array))
	{
		cj_json_fault(json, "an array of numbers was expected");
		return NULL;
	}
	numbers = palloc_array(double, Max(JsonContainerSize(array), 1));
	it = JsonbIteratorInit(array);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			numbers[n++] = value.type == jbvNull ? NAN : number_of(json, &value, "every element");
	*count = n;
	return numbers;
}

CjText *
cj_json_texts(CjJson *json, JsonbContainer *array, int *count)
{
	CjText	   *texts = palloc_array(CjText, Max(JsonContainerSize(array), 1));
	JsonbIterator *it = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	value;

	*count = 0;
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
		{
			if (value.type != jbvString)
				cj_json_fault(json, "an array of strings was expected");
			else
				texts[(*count)++] = text_of(&value);
		}
	return texts;
}
