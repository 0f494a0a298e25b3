/*-------------------------------------------------------------------------
 *
 * results.c
 *		Composite results: sets of rows, arrays of rows.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "common/common.h"

ReturnSetInfo *
cj_materialize(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
	return (ReturnSetInfo *) fcinfo->resultinfo;
}

TupleDesc
cj_result_tupdesc(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;
	Oid			type;
	Oid			element;

	if (get_call_result_type(fcinfo, &type, &desc) == TYPEFUNC_COMPOSITE)
		return BlessTupleDesc(desc);
	element = get_element_type(type);
	if (!OidIsValid(element))
		elog(ERROR, "function returns neither rows nor an array of rows");
	return lookup_rowtype_tupdesc_copy(element, -1);
}

Datum
cj_composite_array(TupleDesc desc, HeapTuple *tuples, int count)
{
	Datum	   *elements = palloc_array(Datum, Max(count, 1));

	if (count == 0)
		return PointerGetDatum(construct_empty_array(desc->tdtypeid));
	for (int i = 0; i < count; i++)
		elements[i] = HeapTupleGetDatum(tuples[i]);
	return PointerGetDatum(construct_array(elements, count, desc->tdtypeid,
										   -1, false, TYPALIGN_DOUBLE));
}
