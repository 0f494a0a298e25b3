/*-------------------------------------------------------------------------
 *
 * options.c
 *		Option records: one builder for all of them, one reader.
 *
 * Every option type has an IMMUTABLE builder function with named, defaulted
 * arguments, declared in SQL with cj_options_build as its body: it fills the
 * result's attributes from the arguments of the same names.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "common/common.h"

PG_FUNCTION_INFO_V1(cj_options_build);

/* What a builder needs to know of itself, kept from call to call. */
typedef struct BuilderPlan
{
	TupleDesc	desc;
	int			nargs;
	int		   *attribute;		/* result attribute of each argument */
} BuilderPlan;

static BuilderPlan *
builder_plan(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	MemoryContext old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	BuilderPlan *plan = palloc0_object(BuilderPlan);
	HeapTuple	proc;
	TupleDesc	desc;
	Oid		   *types;
	char	  **names;
	char	   *modes;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "option builder does not return a row type");
	plan->desc = BlessTupleDesc(CreateTupleDescCopy(desc));

	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(flinfo->fn_oid));
	if (!HeapTupleIsValid(proc))
		elog(ERROR, "cache lookup failed for function %u", flinfo->fn_oid);
	plan->nargs = get_func_arg_info(proc, &types, &names, &modes);
	ReleaseSysCache(proc);

	plan->attribute = palloc_array(int, plan->nargs);
	for (int i = 0; i < plan->nargs; i++)
	{
		plan->attribute[i] = -1;
		for (int a = 0; a < plan->desc->natts; a++)
			if (!TupleDescAttr(plan->desc, a)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(plan->desc, a)->attname), names[i]) == 0)
				plan->attribute[i] = a;
		if (plan->attribute[i] < 0)
			elog(ERROR, "option builder argument \"%s\" has no attribute", names[i]);
	}
	MemoryContextSwitchTo(old);
	return plan;
}

/*
 * <type>_options(name => value, ...) returns <type>_options
 */
Datum
cj_options_build(PG_FUNCTION_ARGS)
{
	BuilderPlan *plan = fcinfo->flinfo->fn_extra;
	Datum	   *values;
	bool	   *nulls;

	if (plan == NULL)
		plan = fcinfo->flinfo->fn_extra = builder_plan(fcinfo);
	values = palloc0_array(Datum, plan->desc->natts);
	nulls = palloc_array(bool, plan->desc->natts);
	memset(nulls, true, plan->desc->natts);
	for (int i = 0; i < Min(plan->nargs, PG_NARGS()); i++)
	{
		values[plan->attribute[i]] = PG_GETARG_DATUM(i);
		nulls[plan->attribute[i]] = PG_ARGISNULL(i);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(plan->desc, values, nulls)));
}

CjOptions *
cj_options_read(Datum record, bool isnull)
{
	CjOptions  *options = palloc0_object(CjOptions);
	HeapTupleHeader header;
	HeapTupleData tuple;
	TupleDesc	desc;
	Oid			type;

	options->type_name = "options";
	if (isnull)
		return options;
	header = DatumGetHeapTupleHeader(record);
	type = HeapTupleHeaderGetTypeId(header);
	desc = lookup_rowtype_tupdesc(type, HeapTupleHeaderGetTypMod(header));
	options->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	options->type_name = format_type_be(type);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	options->values = palloc_array(Datum, options->desc->natts);
	options->nulls = palloc_array(bool, options->desc->natts);
	heap_deform_tuple(&tuple, options->desc, options->values, options->nulls);
	return options;
}

bool
cj_option(CjOptions *options, const char *name, Oid type, Datum *value)
{
	if (options->desc == NULL)
		return false;
	for (int a = 0; a < options->desc->natts; a++)
	{
		Form_pg_attribute attr = TupleDescAttr(options->desc, a);

		if (attr->attisdropped || strcmp(NameStr(attr->attname), name) != 0)
			continue;
		if (options->nulls[a])
			return false;
		if (attr->atttypid != type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("option \"%s\" of %s must be of type %s, not %s",
							name, options->type_name, format_type_be(type),
							format_type_be(attr->atttypid))));
		*value = options->values[a];
		return true;
	}
	return false;
}

void
cj_options_only(CjOptions *options, const char *const *allowed, const char *function)
{
	if (options->desc == NULL)
		return;
	for (int a = 0; a < options->desc->natts; a++)
	{
		const char *name = NameStr(TupleDescAttr(options->desc, a)->attname);
		bool		known = false;

		if (TupleDescAttr(options->desc, a)->attisdropped || options->nulls[a])
			continue;
		for (int i = 0; allowed[i] != NULL && !known; i++)
			known = strcmp(allowed[i], name) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s does not use option \"%s\"", function, name),
					 errhint("Leave the option out.")));
	}
}

bytea *
cj_options_keep(Datum record, bool isnull, MemoryContext context)
{
	HeapTupleHeader header;
	bytea	   *kept;
	Size		size;

	if (isnull)
		return NULL;
	header = DatumGetHeapTupleHeader(record);
	size = HeapTupleHeaderGetDatumLength(header);
	kept = MemoryContextAlloc(context, VARHDRSZ + size);
	SET_VARSIZE(kept, VARHDRSZ + size);
	memcpy(VARDATA(kept), header, size);
	return kept;
}

void
cj_options_check(const bytea *kept, Datum record, bool isnull, const char *function)
{
	bool		same = (kept == NULL) == isnull;

	if (same && !isnull)
	{
		HeapTupleHeader header = DatumGetHeapTupleHeader(record);
		Size		size = HeapTupleHeaderGetDatumLength(header);

		same = size == VARSIZE_ANY_EXHDR(kept) &&
			memcmp(VARDATA_ANY(kept), header, size) == 0;
		if ((Pointer) header != DatumGetPointer(record))
			pfree(header);
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options of %s must not change within one aggregation", function),
				 errhint("Use a constant, or GROUP BY what the options depend on.")));
}
