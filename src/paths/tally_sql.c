/*-------------------------------------------------------------------------
 *
 * tally_sql.c
 *		path_counts: the state type of journey_flow, attribution_agg and top_paths.
 *
 * The aggregates' state is the type itself in its working form, edited in
 * place; what leaves is packed.  Bytes that come in are unpacked, and read as
 * the final function of their kind would, before they are taken.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "paths/attribution.h"
#include "paths/flow.h"
#include "paths/paths.h"
#include "paths/top_paths.h"

PG_FUNCTION_INFO_V1(cj_path_counts_in);
PG_FUNCTION_INFO_V1(cj_path_counts_out);
PG_FUNCTION_INFO_V1(cj_path_counts_recv);
PG_FUNCTION_INFO_V1(cj_path_counts_send);
PG_FUNCTION_INFO_V1(cj_path_counts_combinefn);

/* ---- reading ---- */

void
cj_tally_refuse(const char *fault)
{
	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("path counts are damaged"),
				 errdetail("%s", fault)));
}

void
cj_tally_read(CjTallyRef *ref, Datum state)
{
	struct varlena *value;
	const uint8 *body;
	Size		size;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(state)))
	{
		cj_tally_borrow_expanded(ref, state);
		return;
	}
	value = PG_DETOAST_DATUM_PACKED(state);
	body = (const uint8 *) VARDATA_ANY(value);
	size = VARSIZE_ANY_EXHDR(value);
	if (size == 0 || body[0] != CJ_TALLY_WORKING)
		cj_tally_refuse(cj_tally_unpack(ref, body, size));
	else if (VARATT_IS_SHORT(value) || size < sizeof(CjTally))
		cj_tally_refuse("It is cut off.");
	else
		cj_tally_borrow(ref, (CjTally *) value);
}

void
cj_tally_continue(CjTallyRef *ref, Datum state, CjTallyKind kind, CjText options, const char *function)
{
	cj_tally_read(ref, state);
	if (ref->tally->kind != kind || ref->tally->options != options.len ||
		memcmp(ref->parts.options, options.data, options.len) != 0)
		cj_options_differ(function);
}

void
cj_tally_read_sorted(CjTallyRef *ref, Datum state)
{
	CjTallyRef	from;

	cj_tally_read(&from, state);
	cj_tally_sort(ref, &from);
}

/* What is wrong with packed bytes, or NULL. */
static const char *
check_bytes(const uint8 *body, Size size)
{
	CjTallyRef	ref;
	CjFlow		flow;
	CjAttribution attribution;
	const char *fault = cj_tally_unpack_checked(&ref, body, size);

	if (fault != NULL)
		return fault;
	switch (ref.tally->kind)
	{
		case CJ_TALLY_FLOW:
			return cj_flow_load(&flow, &ref);
		case CJ_TALLY_ATTRIBUTION:
			return cj_attribution_load(&attribution, &ref);
		case CJ_TALLY_PATHS:
			return cj_top_check(&ref);
		default:
			return "It is of an unknown kind.";
	}
}

/* ---- input and output ---- */

static struct varlena *
pack_datum(Datum state)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(state);
	CjTallyRef	ref;

	if (VARSIZE_ANY_EXHDR(value) > 0 && *(uint8 *) VARDATA_ANY(value) == CJ_TALLY_PACKED)
		return value;
	cj_tally_read(&ref, PointerGetDatum(value));
	return cj_tally_pack(&ref);
}

static struct varlena *
with_header(const char *body, Size size)
{
	struct varlena *value = palloc(VARHDRSZ + size);

	SET_VARSIZE(value, VARHDRSZ + size);
	memcpy(VARDATA(value), body, size);
	return value;
}

/* "\x" and the packed bytes in hexadecimal */
Datum
cj_path_counts_in(PG_FUNCTION_ARGS)
{
	const char *input = PG_GETARG_CSTRING(0);
	const char *fault;
	struct varlena *value = cj_hex_decode(input, &fault);

	if (value != NULL)
	{
		fault = check_bytes((uint8 *) VARDATA(value), VARSIZE(value) - VARHDRSZ);
		if (fault == NULL)
			PG_RETURN_POINTER(value);
	}
	ereturn(CJ_ESCONTEXT(fcinfo), (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type path_counts"),
			 errdetail("%s", fault)));
}

Datum
cj_path_counts_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(cj_hex_encode(pack_datum(PG_GETARG_DATUM(0))));
}

Datum
cj_path_counts_recv(PG_FUNCTION_ARGS)
{
	StringInfo	from = (StringInfo) PG_GETARG_POINTER(0);
	Size		size = from->len - from->cursor;
	const char *body = pq_getmsgbytes(from, (int) size);
	const char *fault = check_bytes((const uint8 *) body, size);

	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type path_counts"),
				 errdetail("%s", fault)));
	PG_RETURN_POINTER(with_header(body, size));
}

Datum
cj_path_counts_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = pack_datum(PG_GETARG_DATUM(0));

	PG_RETURN_BYTEA_P(with_header(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

static const char *
function_of(const CjTallyRef *ref)
{
	return ref->tally->kind == CJ_TALLY_FLOW ? "journey_flow" :
		ref->tally->kind == CJ_TALLY_PATHS ? "top_paths" : "attribution_agg";
}

/* What a path takes beside its bytes: its entry, its slots, and some room to grow. */
#define PATH_OVERHEAD	(2 * sizeof(CjTallyPath))

void
cj_check_top_memory(const CjTallyRef *tally)
{
	cj_check_path_memory(tally->tally->bytes + (Size) tally->tally->entries * PATH_OVERHEAD, "top_paths",
						 "Use path_options(first => ...) or (collapse => true), or raise");
}

/* Combines two states; the first is edited in place. */
Datum
cj_path_counts_combinefn(PG_FUNCTION_ARGS)
{
	CjTallyRef	a;
	CjTallyRef	b;

	MemoryContext context = cj_aggregate_context(fcinfo, "path counts combine");

	cj_tally_read(&a, PG_GETARG_DATUM(0));
	cj_tally_read(&b, PG_GETARG_DATUM(1));
	if (a.tally->kind == CJ_TALLY_PATHS)
		a.context = context;
	cj_tally_merge(&a, &b, function_of(&a));
	if (a.tally->kind == CJ_TALLY_PATHS)
		cj_check_top_memory(&a);
	else
		cj_check_path_memory(VARSIZE(a.tally), function_of(&a), "Rename rare names to one, or raise");
	PG_RETURN_DATUM(cj_tally_state(&a));
}
