/*-------------------------------------------------------------------------
 *
 * model_read.c
 *		The model from its bytes, which model.c writes.
 *
 * Reading goes on after a fault, as if all that follows were zero: no count is
 * then above 0, nothing that was read is looked at, and the first fault is
 * what is told.  So the caller may report it as it must.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "propensity/propensity.h"

#define MAX_TREES	100000
#define MAX_NODES	10000000

/* What names are in. */
typedef enum Names
{
	NAMES_TRUSTED,				/* the database's encoding */
	NAMES_CHECKED,				/* the same, if the sender is to be believed */
	NAMES_OF_CLIENT				/* the client's encoding */
} Names;

typedef struct Reader
{
	const char *at;
	const char *end;
	Names		names;
	const char *fault;			/* the first one, or NULL */
} Reader;

static void
fail(Reader *from, const char *fault)
{
	if (from->fault == NULL)
		from->fault = fault;
	from->at = from->end;
}

/* The next bytes, or NULL. */
static const char *
take(Reader *from, int n)
{
	const char *at = from->at;

	if (n > from->end - at)
	{
		fail(from, "it is cut short");
		return NULL;
	}
	from->at += n;
	return at;
}

static uint8
read_byte(Reader *from)
{
	const char *at = take(from, 1);

	return at == NULL ? 0 : (uint8) *at;
}

static int32
read_int32(Reader *from)
{
	const char *at = take(from, 4);
	uint32		n = 0;

	if (at != NULL)
		memcpy(&n, at, 4);
	return (int32) pg_ntoh32(n);
}

static int64
read_int64(Reader *from)
{
	const char *at = take(from, 8);
	uint64		n = 0;

	if (at != NULL)
		memcpy(&n, at, 8);
	return (int64) pg_ntoh64(n);
}

static double
read_float8(Reader *from)
{
	int64		bits = read_int64(from);
	double		number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static float
read_float4(Reader *from)
{
	int32		bits = read_int32(from);
	float		number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* A count of things that take at least so many bytes each. */
static int
read_count(Reader *from, int most, int bytes)
{
	int			count = read_int32(from);

	if (count < 0 || count > most || count > (from->end - from->at) / bytes)
	{
		fail(from, "a count is out of range");
		return 0;
	}
	return count;
}

static bool
read_bool(Reader *from)
{
	uint8		byte = read_byte(from);

	if (byte > 1)
		fail(from, "a flag is neither 0 nor 1");
	return byte == 1;
}

/* Bits below "limit". */
static int
read_flags(Reader *from, int limit)
{
	int			flags = read_byte(from);

	if (flags < limit)
		return flags;
	fail(from, "unknown flags");
	return 0;
}

static CjText
read_text(Reader *from)
{
	CjText		t;

	t.len = read_count(from, MaxAllocSize, 1);
	t.data = take(from, t.len);
	if (t.data == NULL)
		t.data = "";			/* only of no bytes at all */
	if (from->names == NAMES_OF_CLIENT)
	{
		char	   *converted = pg_client_to_server(t.data, t.len);

		if (converted != t.data)
		{
			t.data = converted;
			t.len = strlen(converted);
		}
		if (memchr(t.data, 0, t.len) != NULL)
			fail(from, "a name holds a zero byte");
	}
	else if (from->names == NAMES_CHECKED &&
			 !pg_verify_mbstr(GetDatabaseEncoding(), t.data, t.len, true))
		fail(from, "a name is not text in the database's encoding");
	return t;
}

static double *
read_floats(Reader *from, int64 n)
{
	double	   *values;

	if (n > (from->end - from->at) / 8)
	{
		fail(from, "it is cut short");
		return NULL;
	}
	values = palloc_array(double, Max(n, 1));
	for (int64 i = 0; i < n; i++)
		values[i] = read_float8(from);
	return values;
}

static void
read_feature(Reader *from, CjFeature *feature)
{
	int			flags;

	feature->name = read_text(from);
	feature->column = read_text(from);
	feature->element = read_int32(from);
	feature->kind = read_byte(from);
	flags = read_flags(from, 4);
	feature->has_null = flags & 1;
	feature->has_other = flags >> 1;
	feature->mean = read_float8(from);
	feature->sd = read_float8(from);
	feature->nlevels = read_count(from, CJ_MAX_LEVELS, 4);
	feature->levels = palloc_array(CjText, Max(feature->nlevels, 1));
	for (int i = 0; i < feature->nlevels; i++)
		feature->levels[i] = read_text(from);
	feature->reference = read_int32(from);
	feature->nbins = read_count(from, CJ_MAX_LEVELS + 1, 8);
	if (feature->nbins > 0)
	{
		if (feature->kind != CJ_CATEGORY)
			feature->edges = read_floats(from, feature->nbins - 1);
		feature->counts = read_floats(from, feature->nbins + 1);
	}
}

static void
read_report(Reader *from, CjFitReport *report)
{
	int			flags;

	report->rows = read_int64(from);
	report->positives = read_int64(from);
	report->skipped = read_int64(from);
	report->weight = read_float8(from);
	report->loglik = read_float8(from);
	report->null_loglik = read_float8(from);
	report->penalized = read_float8(from);
	report->iterations = read_int32(from);
	report->rank = read_int32(from);
	report->condition = read_float8(from);
	flags = read_flags(from, 16);
	report->converged = flags & 1;
	report->one_class = flags >> 1 & 1;
	report->firth = flags >> 2 & 1;
	report->has_errors = flags >> 3;
	report->separation = read_byte(from);
	report->se_kind = read_byte(from);
	report->clusters = read_int64(from);
	report->l1 = read_float8(from);
	report->l2 = read_float8(from);
	report->prior = read_float8(from);
	report->profile = read_float8(from);
	report->class_weight[0] = read_float8(from);
	report->class_weight[1] = read_float8(from);
}

static void
read_tree(Reader *from, CjTree *tree)
{
	tree->nnodes = read_count(from, MAX_NODES, 16);
	tree->nodes = palloc0_array(CjTreeNode, Max(tree->nnodes, 1));
	for (int i = 0; i < tree->nnodes; i++)
	{
		CjTreeNode *node = &tree->nodes[i];

		node->feature = read_int32(from);
		node->value = read_float4(from);
		node->cover = read_float8(from);
		if (node->feature >= 0)
		{
			node->left = read_int32(from);
			node->right = read_int32(from);
			node->missing_left = read_bool(from);
		}
	}
}

static void
read_terms(Reader *from, CjModel *model, bool has_covariance)
{
	if (model->nterms > CJ_MAX_TERMS)
	{
		fail(from, "it has too many terms");
		return;
	}
	model->coef = read_floats(from, model->nterms);
	model->aliased = palloc_array(bool, Max(model->nterms, 1));
	for (int t = 0; t < model->nterms; t++)
		model->aliased[t] = read_bool(from);
	model->center = read_floats(from, model->nterms);
	model->spread = read_floats(from, model->nterms);
	if (has_covariance)
		model->covariance = read_floats(from,
										(int64) model->nterms * (model->nterms + 1) / 2);
}

/* NULL if there is a fault. */
static CjModel *
read_model(Reader *from)
{
	CjModel    *model = palloc0_object(CjModel);
	int			flags;

	if (read_byte(from) != CJ_MODEL_VERSION)
		fail(from, "it is of an unknown version");
	model->kind = read_byte(from);
	flags = read_flags(from, 32);
	model->array_input = flags & 1;
	model->intercept = flags >> 1 & 1;
	model->missing = read_byte(from);
	model->nfeatures = read_count(from, CJ_MAX_FEATURES, 16);
	model->features = palloc0_array(CjFeature, Max(model->nfeatures, 1));
	for (int f = 0; f < model->nfeatures; f++)
		read_feature(from, &model->features[f]);
	cj_model_layout(model);
	read_terms(from, model, flags >> 2 & 1);
	if (flags >> 4)
		model->profile = read_floats(from, 2 * (int64) model->nterms);
	read_report(from, &model->report);
	if (flags >> 3 & 1)
		model->quantiles = read_floats(from, CJ_QUANTILES);
	if (model->kind == CJ_TREES)
	{
		model->base = read_float8(from);
		model->ntrees = read_count(from, MAX_TREES, 4);
		model->trees = palloc0_array(CjTree, Max(model->ntrees, 1));
		for (int i = 0; i < model->ntrees; i++)
			read_tree(from, &model->trees[i]);
	}
	if (from->at != from->end)
		fail(from, "bytes follow its end");
	if (from->fault == NULL)
		from->fault = cj_model_fault(model);
	return from->fault == NULL ? model : NULL;
}

CjModel *
cj_model_read(const char *bytes, int size, bool convert)
{
	Reader		from = {bytes, bytes + size, convert ? NAMES_OF_CLIENT : NAMES_TRUSTED, NULL};
	CjModel    *model = read_model(&from);

	if (model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid propensity_model: %s", from.fault)));
	return model;
}

CjModel *
cj_model_read_checked(const char *bytes, int size, const char **fault)
{
	Reader		from = {bytes, bytes + size, NAMES_CHECKED, NULL};
	CjModel    *model = read_model(&from);

	*fault = from.fault;
	return model;
}
