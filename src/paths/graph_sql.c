/*-------------------------------------------------------------------------
 *
 * graph_sql.c
 *		journey_graph: input and output, the aggregates, sum and difference.
 *
 * The aggregates' state is the type itself in its working form, edited in
 * place: a transition function that finds room returns the pointer it was
 * given, and nothing is copied.  Every function takes both forms; what leaves
 * is packed.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "journey/datum.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_graph_in);
PG_FUNCTION_INFO_V1(cj_graph_out);
PG_FUNCTION_INFO_V1(cj_graph_recv);
PG_FUNCTION_INFO_V1(cj_graph_send);
PG_FUNCTION_INFO_V1(cj_graph_agg_transfn);
PG_FUNCTION_INFO_V1(cj_graph_combinefn);
PG_FUNCTION_INFO_V1(cj_graph_finalfn);
PG_FUNCTION_INFO_V1(cj_graph_plus);
PG_FUNCTION_INFO_V1(cj_graph_minus);
PG_FUNCTION_INFO_V1(cj_graph_eq);
PG_FUNCTION_INFO_V1(cj_graph_ne);

/* ---- reading ---- */

static const char *
try_read(CjGraphRef *ref, struct varlena *value, bool summary)
{
	const uint8 *body = (const uint8 *) VARDATA_ANY(value);
	Size		size = VARSIZE_ANY_EXHDR(value);

	if (size > 0 && body[0] == CJ_GRAPH_WORKING)
	{
		if (VARATT_IS_SHORT(value) || size < sizeof(CjGraph))
			return "It is cut off.";
		cj_graph_borrow(ref, (CjGraph *) value);
		return NULL;
	}
	return cj_graph_unpack(ref, body, size, summary);
}

static void
read_graph(CjGraphRef *ref, Datum graph, bool summary)
{
	const char *fault = try_read(ref, PG_DETOAST_DATUM_PACKED(graph), summary);

	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("journey graph is damaged"),
				 errdetail("%s", fault)));
}

void
cj_graph_read(CjGraphRef *ref, Datum graph)
{
	read_graph(ref, graph, false);
}

static struct varlena *
pack_datum(Datum graph)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(graph);
	CjGraphRef	ref;

	if (*(uint8 *) VARDATA_ANY(value) == CJ_GRAPH_PACKED)
		return value;
	cj_graph_read(&ref, PointerGetDatum(value));
	return cj_graph_pack(&ref);
}

void
cj_graph_read_sorted(CjGraphRef *ref, Datum graph)
{
	cj_graph_read(ref, PointerGetDatum(pack_datum(graph)));
}

void
cj_graph_read_summary(CjGraphRef *ref, Datum graph)
{
	read_graph(ref, PointerGetDatum(pack_datum(graph)), true);
}

/* ---- input and output ---- */

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
cj_graph_in(PG_FUNCTION_ARGS)
{
	const char *input = PG_GETARG_CSTRING(0);
	const char *fault;
	struct varlena *value = cj_hex_decode(input, &fault);
	CjGraphRef	ref;

	if (value != NULL)
	{
		fault = cj_graph_verify(&ref, (uint8 *) VARDATA(value), VARSIZE(value) - VARHDRSZ);
		if (fault == NULL)
			PG_RETURN_POINTER(value);
	}
	ereturn(CJ_ESCONTEXT(fcinfo), (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type journey_graph"),
			 errdetail("%s", fault)));
}

Datum
cj_graph_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(cj_hex_encode(pack_datum(PG_GETARG_DATUM(0))));
}

Datum
cj_graph_recv(PG_FUNCTION_ARGS)
{
	StringInfo	from = (StringInfo) PG_GETARG_POINTER(0);
	Size		size = from->len - from->cursor;
	const char *body = pq_getmsgbytes(from, (int) size);
	const char *fault;
	CjGraphRef	ref;

	fault = cj_graph_verify(&ref, (const uint8 *) body, size);
	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type journey_graph"),
				 errdetail("%s", fault)));
	PG_RETURN_POINTER(with_header(body, size));
}

Datum
cj_graph_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = pack_datum(PG_GETARG_DATUM(0));

	PG_RETURN_BYTEA_P(with_header(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

/* ---- aggregates ---- */

typedef struct GraphOptions
{
	CjBy		by;
	int			depth;
	bool		collapse;
} GraphOptions;

static void
parse_options(CjOptions *options, void *parsed)
{
	GraphOptions *result = parsed;

	result->by = cj_option_by(options);
	result->depth = (int) cj_option_integer(options, "depth", 1, 1, CJ_MAX_DEPTH);
	result->collapse = cj_option_bool(options, "collapse", false);
}

/* journey_graph_agg(journey [, graph_options]) */
Datum
cj_graph_agg_transfn(PG_FUNCTION_ARGS)
{
	static const GraphOptions defaults = {CJ_BY_EVENT, 1, false};
	const GraphOptions *options = &defaults;
	CjGraphRef	ref;

	cj_aggregate_context(fcinfo, "journey_graph_agg");
	if (PG_NARGS() > 2)
		options = cj_options_parsed(fcinfo, 2, parse_options, sizeof(GraphOptions));
	if (PG_ARGISNULL(0))
	{
		if (PG_ARGISNULL(1))
			PG_RETURN_NULL();
		cj_graph_create(&ref, options->by, options->depth, options->collapse);
	}
	else
	{
		cj_graph_read(&ref, PG_GETARG_DATUM(0));
		if (ref.graph->by != options->by || ref.graph->depth != options->depth ||
			(ref.graph->collapse != 0) != options->collapse)
			cj_options_differ("journey_graph_agg");
	}
	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);

		cj_graph_add_journey(&ref, &view);
	}
	PG_RETURN_POINTER(ref.graph);
}

/* Combines two states, or a state and a graph; the first is edited in place. */
Datum
cj_graph_combinefn(PG_FUNCTION_ARGS)
{
	CjGraphRef	a;
	CjGraphRef	b;

	cj_aggregate_context(fcinfo, "journey_graph_agg combine");
	cj_graph_read(&a, PG_GETARG_DATUM(0));
	cj_graph_read(&b, PG_GETARG_DATUM(1));
	cj_graph_merge(&a, &b, false);
	PG_RETURN_POINTER(a.graph);
}

Datum
cj_graph_finalfn(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(pack_datum(PG_GETARG_DATUM(0)));
}

/* ---- operators ---- */

static Datum
combine(FunctionCallInfo fcinfo, bool subtract)
{
	CjGraphRef	a;
	CjGraphRef	b;

	cj_graph_read_sorted(&a, PG_GETARG_DATUM(0));
	cj_graph_read(&b, PG_GETARG_DATUM(1));
	cj_graph_merge(&a, &b, subtract);
	return PointerGetDatum(cj_graph_pack(&a));
}

Datum
cj_graph_plus(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, false);
}

Datum
cj_graph_minus(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, true);
}

static bool
same(FunctionCallInfo fcinfo)
{
	struct varlena *a = pack_datum(PG_GETARG_DATUM(0));
	struct varlena *b = pack_datum(PG_GETARG_DATUM(1));

	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

Datum
cj_graph_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same(fcinfo));
}

Datum
cj_graph_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same(fcinfo));
}
