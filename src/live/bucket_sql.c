/*-------------------------------------------------------------------------
 *
 * bucket_sql.c
 *		Mode deferred: the buckets of customers that share rows of the tail.
 *
 * A writer's statement makes a row a bucket: the more buckets, the smaller the rows,
 * and the dearer the statement.  Who reads one customer's events reads all of the
 * bucket: the fewer buckets, the dearer the question.  So a bucket has parts:
 * statements write rows of whole buckets, journey_catch_up splits what many of them
 * have written into rows of parts, and a reader looks for a customer in both.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "live/live.h"

#include "access/tupmacs.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(cj_journey_bucket);
PG_FUNCTION_INFO_V1(cj_journey_buckets);
PG_FUNCTION_INFO_V1(cj_journey_bucket_keys);
PG_FUNCTION_INFO_V1(cj_journey_bucket_parts);
PG_FUNCTION_INFO_V1(cj_journey_split);
PG_FUNCTION_INFO_V1(cj_journey_pick);

/*
 * Stored with every row: to change them is to change the format.  512 buckets make
 * rows of 20 events from statements of 10,000.  The numbers of a bucket and its parts
 * follow one another, so that a range of numbers is one of customers.
 */
#define BUCKETS	512
#define PARTS	8
#define BUCKET_NUMBERS	16		/* of them, a bucket has */

/* The default hash function of a type; a type without one has one bucket. */
static TypeCacheEntry *
hashed_type(FunctionCallInfo fcinfo, Oid type)
{
	TypeCacheEntry *entry = fcinfo->flinfo->fn_extra;

	type = getBaseType(type);
	if (entry == NULL || entry->type_id != type)
	{
		entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO);
		fcinfo->flinfo->fn_extra = entry;
	}
	return entry;
}

static uint32
hash_of(TypeCacheEntry *type, Oid collation, Datum key)
{
	if (!OidIsValid(type->hash_proc))
		return 0;
	return DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo, collation, key));
}

static int32
bucket_of(uint32 hash)
{
	return hash % BUCKETS * BUCKET_NUMBERS;
}

/* From 1: as much as its number is above the bucket's. */
static int32
part_of(uint32 hash)
{
	return 1 + hash / BUCKETS % PARTS;
}

static ArrayType *
make_integers(Datum *elements, int n)
{
	return n == 0 ? construct_empty_array(INT4OID) :
		construct_array(elements, n, INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

/* journey_bucket(key) */
Datum
cj_journey_bucket(PG_FUNCTION_ARGS)
{
	TypeCacheEntry *type = fcinfo->flinfo->fn_extra;

	if (type == NULL)
		type = hashed_type(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 0));
	PG_RETURN_INT32(bucket_of(hash_of(type, PG_GET_COLLATION(), PG_GETARG_DATUM(0))));
}

/* journey_buckets(keys): the bucket of each key that is not NULL, and the part */
Datum
cj_journey_buckets(PG_FUNCTION_ARGS)
{
	ArrayType  *keys = PG_GETARG_ARRAYTYPE_P(0);
	TypeCacheEntry *type = hashed_type(fcinfo, ARR_ELEMTYPE(keys));
	Datum	   *elements;
	Datum	   *numbers;
	bool	   *nulls;
	int			n;
	int			count = 0;

	deconstruct_array(keys, ARR_ELEMTYPE(keys), type->typlen, type->typbyval, type->typalign,
					  &elements, &nulls, &n);
	numbers = palloc_array(Datum, 2 * (Size) n + 1);
	for (int i = 0; i < n; i++)
	{
		uint32		hash;

		if (nulls[i])
			continue;
		hash = hash_of(type, PG_GET_COLLATION(), elements[i]);
		numbers[count++] = Int32GetDatum(bucket_of(hash));
		numbers[count++] = Int32GetDatum(bucket_of(hash) + part_of(hash));
	}
	PG_RETURN_ARRAYTYPE_P(make_integers(numbers, count));
}

/* journey_bucket_keys(customers, bucket): tail_sql.c says what for */
Datum
cj_journey_bucket_keys(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* ---- splitting ---- */

/*
 * journey_bucket_parts(keys, most): for each key a label, which modulo 16 is the
 * part; of one label there are not more than so many
 */
Datum
cj_journey_bucket_parts(PG_FUNCTION_ARGS)
{
	ArrayType  *keys = PG_GETARG_ARRAYTYPE_P(0);
	int32		most = PG_GETARG_INT32(1);
	TypeCacheEntry *type = hashed_type(fcinfo, ARR_ELEMTYPE(keys));
	int32		counts[PARTS + 1] = {0};
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (most < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("rows of the tail cannot have %d events", most)));
	deconstruct_array(keys, ARR_ELEMTYPE(keys), type->typlen, type->typbyval, type->typalign,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		int32		part = nulls[i] ? 1 : part_of(hash_of(type, PG_GET_COLLATION(), elements[i]));

		elements[i] = Int32GetDatum(part + counts[part]++ / most * BUCKET_NUMBERS);
	}
	PG_RETURN_ARRAYTYPE_P(make_integers(elements, n));
}

/* The elements of an array, ordered by their labels. */
typedef struct Split
{
	Oid			type;
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int		   *ends;			/* of the labels from 0 */
} Split;

static void
check_labels(const Datum *labels, int nlabels, int n)
{
	if (n != nlabels)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("%d elements cannot be split by %d labels", n, nlabels),
						errhint("There is a label for each element.")));
	for (int i = 0; i < n; i++)
		if (DatumGetInt32(labels[i]) < 1 || DatumGetInt32(labels[i]) > (int64) BUCKET_NUMBERS * (n + 1))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("%d cannot be the label of one of %d elements", DatumGetInt32(labels[i]), n),
							errhint("Labels are those that journey_bucket_parts gives.")));
}

/* Sorts elements by counting; the highest label is returned. */
static int
split_sort(Split *split, const Datum *elements, const bool *nulls, const Datum *labels, int n)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
		count = Max(count, DatumGetInt32(labels[i]));
	split->ends = palloc0_array(int, (Size) count + 2);
	for (int i = 0; i < n; i++)
		split->ends[DatumGetInt32(labels[i]) + 1]++;
	for (int i = 1; i <= count + 1; i++)
		split->ends[i] += split->ends[i - 1];
	split->elements = palloc_array(Datum, n + 1);
	split->nulls = palloc_array(bool, n + 1);
	/* each label's beginning becomes its end */
	for (int i = 0; i < n; i++)
	{
		int			place = split->ends[DatumGetInt32(labels[i])]++;

		split->elements[place] = elements[i];
		split->nulls[place] = nulls[i];
	}
	return count;
}

static int
split_begin(Split *split, ArrayType *array, ArrayType *label_array)
{
	Datum	   *elements;
	Datum	   *labels;
	bool	   *nulls;
	int			n;
	int			nlabels;

	split->type = ARR_ELEMTYPE(array);
	get_typlenbyvalalign(split->type, &split->len, &split->byval, &split->align);
	deconstruct_array(array, split->type, split->len, split->byval, split->align, &elements, &nulls, &n);
	deconstruct_array(label_array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &labels, NULL, &nlabels);
	check_labels(labels, nlabels, n);
	return split_sort(split, elements, nulls, labels, n);
}

static ArrayType *
split_array(const Split *split, int label)
{
	int			begin = split->ends[label - 1];
	int			n = split->ends[label] - begin;
	int			first = 1;

	if (n == 0)
		return construct_empty_array(split->type);
	return construct_md_array(split->elements + begin, split->nulls + begin, 1, &n, &first,
							  split->type, split->len, split->byval, split->align);
}

/* journey_split(elements, labels): the elements of each label from 1 on, as an array */
Datum
cj_journey_split(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	ArrayType  *result;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		Split	   *split;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		split = palloc0_object(Split);
		call->max_calls = split_begin(split, PG_GETARG_ARRAYTYPE_P_COPY(0), PG_GETARG_ARRAYTYPE_P_COPY(1));
		call->user_fctx = split;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	if (call->call_cntr >= call->max_calls)
		SRF_RETURN_DONE(call);
	result = split_array(call->user_fctx, call->call_cntr + 1);
	SRF_RETURN_NEXT(call, PointerGetDatum(result));
}

/* ---- picking ---- */

/* What a call of journey_pick() finds out once. */
typedef struct Pick
{
	Oid			key_type;
	Oid			element_type;
	Oid			operator;
	FmgrInfo	equal;
	int16		len[2];			/* of keys and elements */
	bool		byval[2];
	char		align[2];
} Pick;

static void
find_equal(FunctionCallInfo fcinfo, Pick *pick)
{
	Oid			left;
	Oid			right;
	Oid			value_type = get_fn_expr_argtype(fcinfo->flinfo, 2);

	if (!OidIsValid(get_opcode(pick->operator)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("operator %u does not exist", pick->operator)));
	op_input_types(pick->operator, &left, &right);
	if (!IsBinaryCoercible(pick->key_type, left) || !IsBinaryCoercible(value_type, right) ||
		get_op_rettype(pick->operator) != BOOLOID)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("operator %s does not compare keys of type %s with a value of type %s",
							   format_operator(pick->operator), format_type_be(pick->key_type),
							   format_type_be(value_type)),
						errhint("Name an equality operator of these types.")));
	fmgr_info_cxt(get_opcode(pick->operator), &pick->equal, fcinfo->flinfo->fn_mcxt);
}

static Pick *
find_pick(FunctionCallInfo fcinfo, const ArrayType *elements, const ArrayType *keys)
{
	Pick	   *pick = fcinfo->flinfo->fn_extra;
	Oid			types[2] = {ARR_ELEMTYPE(keys), ARR_ELEMTYPE(elements)};
	Oid			operator = PG_GETARG_OID(3);

	if (pick != NULL && pick->key_type == types[0] && pick->element_type == types[1] &&
		pick->operator == operator)
		return pick;
	fcinfo->flinfo->fn_extra = NULL;
	pick = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Pick));
	pick->key_type = types[0];
	pick->element_type = types[1];
	pick->operator = operator;
	find_equal(fcinfo, pick);
	for (int i = 0; i < 2; i++)
		get_typlenbyvalalign(types[i], &pick->len[i], &pick->byval[i], &pick->align[i]);
	fcinfo->flinfo->fn_extra = pick;
	return pick;
}

/* Goes through an array element by element, without taking it apart first. */
typedef struct Walk
{
	char	   *at;
	bits8	   *nulls;
	int16		len;
	bool		byval;
	char		align;
} Walk;

static void
walk_begin(Walk *walk, ArrayType *array, const Pick *pick, int which)
{
	walk->nulls = ARR_NULLBITMAP(array);
	walk->at = (char *) array + ARR_OVERHEAD_NONULLS(ARR_NDIM(array));
	if (walk->nulls != NULL)
		walk->at = (char *) array + array->dataoffset;
	walk->len = pick->len[which];
	walk->byval = pick->byval[which];
	walk->align = pick->align[which];
}

static inline Datum
walk_next(Walk *walk, int i, bool *null)
{
	Datum		value;

	*null = walk->nulls != NULL && (walk->nulls[i / 8] & (1 << i % 8)) == 0;
	if (*null)
		return (Datum) 0;
	value = fetch_att(walk->at, walk->byval, walk->len);
	walk->at = att_addlength_pointer(walk->at, walk->len, walk->at);
	walk->at = (char *) att_align_nominal(walk->at, walk->align);
	return value;
}

/* journey_pick(elements, keys, value, equal): the elements whose keys are equal to a value */
Datum
cj_journey_pick(PG_FUNCTION_ARGS)
{
	ArrayType  *elements = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *keys;
	Oid			keys_type = get_base_element_type(get_fn_expr_argtype(fcinfo->flinfo, 1));
	Pick	   *pick;
	Walk		key;
	Walk		element;
	Datum	   *picked;
	bool	   *nulls;
	int			n = ArrayGetNItems(ARR_NDIM(elements), ARR_DIMS(elements));
	int			count = 0;
	int			first = 1;

	if (!OidIsValid(keys_type))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("keys of type %s are not an array",
																   format_type_be(get_fn_expr_argtype(fcinfo->flinfo, 1)))));
	keys = PG_GETARG_ARRAYTYPE_P(1);
	if (ARR_NDIM(elements) > 1 || ARR_NDIM(keys) > 1 || n != ArrayGetNItems(ARR_NDIM(keys), ARR_DIMS(keys)))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("there is not a key for each of %d elements", n),
						errhint("Elements and keys are arrays of one dimension and one length.")));
	pick = find_pick(fcinfo, elements, keys);
	walk_begin(&key, keys, pick, 0);
	walk_begin(&element, elements, pick, 1);
	picked = palloc_array(Datum, n + 1);
	nulls = palloc_array(bool, n + 1);
	for (int i = 0; i < n; i++)
	{
		bool		null;
		Datum		this_key = walk_next(&key, i, &null);

		picked[count] = walk_next(&element, i, &nulls[count]);
		count += !null && DatumGetBool(FunctionCall2Coll(&pick->equal, PG_GET_COLLATION(), this_key,
														 PG_GETARG_DATUM(2)));
	}
	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(pick->element_type));
	PG_RETURN_ARRAYTYPE_P(construct_md_array(picked, nulls, 1, &count, &first, pick->element_type,
											 pick->len[1], pick->byval[1], pick->align[1]));
}
