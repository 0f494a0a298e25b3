/*-------------------------------------------------------------------------
 *
 * argument_sql.c
 *		Models and features as function arguments.
 *
 * A model is read once and kept.  A query may score with many models in turn
 * (one a segment), so several are kept at once, each in a place that its size
 * and last bytes choose; that it is the same model is seen by comparing all
 * bytes, or, for a model stored out of line, by its address, so that it is
 * fetched once and not for every row.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "compat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "propensity/glue.h"

#define PLACES	32

typedef struct KeptModel
{
	CjScorer	scorer;			/* context is NULL in an empty place */
	bool		external;
	struct varatt_external address;
} KeptModel;

typedef struct ModelCache
{
	MemoryContext context;
	struct ModelCache *next;	/* of those of aggregates, see below */
	MemoryContextCallback callback;
	KeptModel	places[PLACES];
} ModelCache;

static uint64 models_kept = 0;

/*
 * Aggregation in parts on several servers, as Citus does it, calls a transition
 * function through a new FmgrInfo for every row, in which nothing can be kept.
 * Then it is kept with the aggregate's memory, and found by that here.
 */
static ModelCache *of_aggregates = NULL;

static uint32
place_for(const char *bytes, int size)
{
	uint64		word = 0;

	memcpy(&word, bytes + Max(size - 200, 0), Min(size, 8));
	word = (word ^ size) * UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (word >> 40) % PLACES;
}

/* Puts a model into a place, whatever was there. */
static void
keep(ModelCache *cache, KeptModel *place, const char *bytes, int size)
{
	MemoryContext context = AllocSetContextCreate(cache->context,
												  "propensity model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	CjModel    *model;
	char	   *copy;

	if (place->scorer.context != NULL)
	{
		MemoryContextDelete(place->scorer.context);
		memset(place, 0, sizeof(*place));
	}
	old = MemoryContextSwitchTo(context);
	copy = palloc(Max(size, 1));
	memcpy(copy, bytes, size);
	model = cj_model_read(copy, size, false);
	place->scorer.bytes = copy;
	place->scorer.size = size;
	place->scorer.serial = ++models_kept;
	place->scorer.values = palloc_array(double, Max(model->nfeatures, 1));
	place->scorer.terms = palloc_array(double, Max(model->nterms, 1));
	place->scorer.attribute = palloc_array(int, Max(model->nfeatures, 1));
	place->scorer.column_type = palloc_array(CjColumnType, Max(model->nfeatures, 1));
	place->scorer.model = model;
	place->scorer.context = context;
	MemoryContextSwitchTo(old);
}

/* A model stored out of line is known by where it is. */
static CjScorer *
external_model(ModelCache *cache, struct varlena *datum)
{
	struct varatt_external address;
	KeptModel  *place;

	VARATT_EXTERNAL_GET_POINTER(address, datum);
	place = &cache->places[address.va_valueid % PLACES];
	if (place->scorer.context == NULL || !place->external ||
		memcmp(&place->address, &address, sizeof(address)) != 0)
	{
		struct varlena *fetched = detoast_attr(datum);

		keep(cache, place, VARDATA_ANY(fetched), VARSIZE_ANY_EXHDR(fetched));
		place->external = true;
		place->address = address;
		pfree(fetched);
	}
	return &place->scorer;
}

static CjScorer *
find_model(ModelCache *cache, Datum model)
{
	struct varlena *datum = (struct varlena *) DatumGetPointer(model);
	KeptModel  *place;
	const char *bytes;
	int			size;

	if (VARATT_IS_EXTERNAL_ONDISK(datum))
		return external_model(cache, datum);
	datum = PG_DETOAST_DATUM_PACKED(PointerGetDatum(datum));
	bytes = VARDATA_ANY(datum);
	size = VARSIZE_ANY_EXHDR(datum);
	place = &cache->places[place_for(bytes, size)];
	if (place->scorer.context == NULL || place->external || place->scorer.size != size ||
		memcmp(place->scorer.bytes, bytes, size) != 0)
		keep(cache, place, bytes, size);
	return &place->scorer;
}

static ModelCache *
new_cache(MemoryContext context)
{
	ModelCache *cache = MemoryContextAllocZero(context, sizeof(ModelCache));

	cache->context = context;
	return cache;
}

CjScorer *
cj_model_argument(FunctionCallInfo fcinfo, int argument)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = new_cache(fcinfo->flinfo->fn_mcxt);
	return find_model(fcinfo->flinfo->fn_extra, PG_GETARG_DATUM(argument));
}

/* ---- models of aggregates ---- */

/* The aggregate's memory goes, and the cache with it. */
static void
forget_cache(void *arg)
{
	ModelCache **link = &of_aggregates;

	while (*link != NULL && *link != arg)
		link = &(*link)->next;
	if (*link != NULL)
		*link = (*link)->next;
}

CjScorer *
cj_model_of_state(FunctionCallInfo fcinfo, int argument, MemoryContext aggregate, bool started)
{
	ModelCache *cache = of_aggregates;

	/* Who has a state has been called before, and would have kept its models. */
	if (fcinfo->flinfo->fn_extra != NULL || !started)
		return cj_model_argument(fcinfo, argument);
	while (cache != NULL && cache->context != aggregate)
		cache = cache->next;
	if (cache == NULL)
	{
		cache = new_cache(aggregate);
		cache->callback.func = forget_cache;
		cache->callback.arg = cache;
		MemoryContextRegisterResetCallback(aggregate, &cache->callback);
		cache->next = of_aggregates;
		of_aggregates = cache;
	}
	return find_model(cache, PG_GETARG_DATUM(argument));
}

/* ---- features ---- */

static void
missing_column(const CjModel *model, CjText column)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the features lack column \"%.*s\" of the model", column.len, column.data),
			 errhint("Pass a record with the columns the model was fitted on; propensity_features(model) lists them.")));
}

/* Finds every feature's column in the row's shape. */
static void
map_columns(CjScorer *scorer)
{
	CjModel    *model = scorer->model;

	for (int f = 0; f < model->nfeatures; f++)
	{
		CjFeature  *feature = &model->features[f];
		CjText		column = feature->column.len > 0 ? feature->column : feature->name;
		Form_pg_attribute found = NULL;
		bool		matches;

		for (int a = 0; a < scorer->shape.desc->natts && found == NULL; a++)
		{
			Form_pg_attribute attr = TupleDescAttr(scorer->shape.desc, a);

			if (!attr->attisdropped &&
				strlen(NameStr(attr->attname)) == (size_t) column.len &&
				memcmp(NameStr(attr->attname), column.data, column.len) == 0)
			{
				found = attr;
				scorer->attribute[f] = a;
			}
		}
		if (found == NULL)
			missing_column(model, column);
		scorer->column_type[f] = cj_column_type(found->atttypid);
		matches = feature->element > 0 && feature->column.len > 0 ?
			scorer->column_type[f] == CJ_COLUMN_ARRAY :
			scorer->column_type[f] != CJ_COLUMN_UNUSABLE &&
			scorer->column_type[f] != CJ_COLUMN_ARRAY &&
			cj_column_kind(scorer->column_type[f]) == feature->kind;
		if (!matches)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%.*s\" has type %s, but the model was fitted on a %s",
							column.len, column.data, format_type_be(found->atttypid),
							feature->element > 0 && feature->column.len > 0 ? "float8[]" :
							feature->kind == CJ_CATEGORY ? "category (text)" :
							feature->kind == CJ_BOOLEAN ? "boolean" : "number"),
					 errhint("Cast the column, or fit the model again.")));
	}
}

/* Elements of one array column, which stand together; returns how many. */
static int
array_column(CjScorer *scorer, int f, Datum value)
{
	CjModel    *model = scorer->model;
	CjText		column = model->features[f].column;
	int			n = 0;

	while (f + n < model->nfeatures && model->features[f + n].element == n + 1 &&
		   cj_text_compare(model->features[f + n].column, column) == 0)
		n++;
	cj_array_numbers(DatumGetArrayTypeP(value), scorer->values + f, n, column);
	return n;
}

/* False if an array column is NULL. */
static bool
read_record(CjScorer *scorer, HeapTupleHeader row)
{
	CjModel    *model = scorer->model;

	if (!cj_row_is_of(&scorer->shape, row))
	{
		Oid			type;

		/* An error while mapping must not leave a shape that seems mapped. */
		cj_row_shape(&scorer->shape, row, scorer->context);
		type = scorer->shape.type;
		scorer->shape.type = InvalidOid;
		map_columns(scorer);
		scorer->shape.type = type;
	}
	cj_row_deform(&scorer->shape, row);
	for (int f = 0; f < model->nfeatures; f++)
	{
		CjFeature  *feature = &model->features[f];
		CjColumnType type = scorer->column_type[f];
		Datum		value = scorer->shape.values[scorer->attribute[f]];

		if (scorer->shape.nulls[scorer->attribute[f]])
		{
			if (type == CJ_COLUMN_ARRAY)
				return false;
			scorer->values[f] = NAN;
		}
		else if (type == CJ_COLUMN_ARRAY)
			f += array_column(scorer, f, value) - 1;
		else if (feature->kind == CJ_CATEGORY)
			scorer->values[f] = cj_level_code(feature, cj_column_text(type, value));
		else
			scorer->values[f] = cj_column_number(type, value, feature->name);
	}
	return true;
}

/* What the model does with rows that lack a value; false if the result is NULL. */
static bool
check_missing(CjScorer *scorer)
{
	CjModel    *model = scorer->model;

	if (model->missing != CJ_MISSING_SKIP && model->missing != CJ_MISSING_ERROR)
		return true;
	for (int f = 0; f < model->nfeatures; f++)
		if (isnan(scorer->values[f]))
		{
			if (model->missing == CJ_MISSING_ERROR)
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("feature \"%.*s\" is NULL, and the model was fitted with missing => 'error'",
								model->features[f].name.len, model->features[f].name.data)));
			return false;
		}
	return true;
}

bool
cj_features_read(CjScorer *scorer, Datum features, bool isnull, bool is_array)
{
	CjModel    *model = scorer->model;
	CjText		none = {"", 0};

	if (is_array)
	{
		if (!model->array_input)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the model was fitted on a record and cannot score an array"),
					 errhint("Pass a record with the columns that propensity_features(model) lists.")));
		if (isnull)
			return false;
		cj_array_numbers(DatumGetArrayTypeP(features), scorer->values, model->nfeatures, none);
		return true;
	}
	if (!isnull)
		return read_record(scorer, DatumGetHeapTupleHeader(features));
	for (int f = 0; f < model->nfeatures; f++)
	{
		if (model->features[f].element > 0 && model->features[f].column.len > 0)
			return false;
		scorer->values[f] = NAN;
	}
	return true;
}

bool
cj_features_datum(CjScorer *scorer, Datum features, bool isnull, bool is_array)
{
	return cj_features_read(scorer, features, isnull, is_array) && check_missing(scorer);
}

bytea *
cj_model_datum(const CjModel *model)
{
	StringInfoData to;

	initStringInfo(&to);
	appendStringInfoSpaces(&to, VARHDRSZ);
	cj_model_write(&to, model, false);
	SET_VARSIZE(to.data, to.len);
	return (bytea *) to.data;
}
