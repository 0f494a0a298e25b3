/*-------------------------------------------------------------------------
 *
 * blocking.c
 *		Pairs of records that share a key.
 *
 * Under each rule a record has a key: a hash of its values' codes, or none if
 * a value is missing.  Records sorted by key form blocks; the pairs of a block
 * are counted before any is made, so a rule that would make too many is found
 * out in the time of a sort.  A pair belongs to the first rule whose keys
 * agree, so no list of pairs seen before is needed.  Blocks beyond max_block
 * are left out, as if their records had no key under that rule, and reported.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/progress.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

typedef struct CjKeyed
{
	uint64		key;
	int32		record;
} Keyed;

#define ST_SORT sort_keyed
#define ST_ELEMENT_TYPE Keyed
#define ST_COMPARE(a, b) ((a)->key < (b)->key ? -1 : (a)->key > (b)->key ? 1 : \
						  (a)->record - (b)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static inline uint64
mix(uint64 h)
{
	h ^= h >> 31;
	h *= UINT64CONST(0x7FB5D329728EA185);
	h ^= h >> 27;
	h *= UINT64CONST(0x81DADEF4BC2DD44D);
	return h ^ h >> 33;
}

static uint64
record_key(const CjLinkage *linkage, const CjRule *rule, int32 record)
{
	uint64		key = 0;

	if (rule->everything)
		return 1;
	for (int i = 0; i < rule->nfields; i++)
	{
		int32		code = linkage->field[rule->field[i]].code[record];

		if (code < 0)
			return 0;
		/* a bijection of the code for a single field: no collisions there */
		key = mix(key * 31 + (uint64) code + 1);
	}
	return key == 0 ? 1 : key;
}

static uint64
stored_key(const CjLinkage *linkage, int rule, int32 record)
{
	const CjRule *r = &linkage->rule[rule];
	uint64		key = rule + 1;

	if (r->everything)
		return 0;
	for (int i = 0; i < r->nfields; i++)
	{
		const CjField *field = &linkage->field[r->field[i]];
		CjText		value;

		if (field->code[record] < 0)
			return 0;
		value = cj_value_text(&field->values, field->code[record]);
		key = hash_bytes_extended((const unsigned char *) value.data, value.len, mix(key));
	}
	return key == 0 ? 1 : key;
}

int
cj_stored_keys(const CjLinkage *linkage, int32 record, int64 *key)
{
	int			n = 0;

	for (int r = 0; r < linkage->nrules; r++)
	{
		int64		k = (int64) stored_key(linkage, r, record);
		int			at = n;

		if (k == 0)
			continue;
		while (at > 0 && key[at - 1] > k)
			at--;
		if (at > 0 && key[at - 1] == k)
			continue;
		memmove(key + at + 1, key + at, sizeof(int64) * (n - at));
		key[at] = k;
		n++;
	}
	return n;
}

/* The records that have a key under the rule, sorted by it. */
static Keyed *
sorted_keys(const CjLinkage *linkage, int rule, int32 *n)
{
	Keyed	   *keyed = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(Keyed) * Max((Size) linkage->nrecords, 1));

	*n = 0;
	for (int32 i = 0; i < linkage->nrecords; i++)
		if (linkage->key[rule][i] != 0)
		{
			keyed[*n].key = linkage->key[rule][i];
			keyed[(*n)++].record = i;
		}
	if (!linkage->rule[rule].everything)
		sort_keyed(keyed, *n);
	return keyed;
}

static char *
describe_key(const CjLinkage *linkage, const CjRule *rule, int32 record)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < rule->nfields; i++)
	{
		const CjField *field = &linkage->field[rule->field[i]];
		CjText		value = cj_value_text(&field->values, field->code[record]);

		if (i > 0)
			appendStringInfoString(&text, " + ");
		appendBinaryStringInfo(&text, value.data, value.len);
	}
	return text.data;
}

/* Counts the rule's blocks; records of blocks that are too large lose their keys. */
static void
count_blocks(CjLinkage *linkage, int r)
{
	CjRule	   *rule = &linkage->rule[r];
	int32		n;
	Keyed	   *keyed = sorted_keys(linkage, r, &n);

	linkage->keyed[r] = keyed;
	linkage->nkeyed[r] = n;
	for (int32 i = 0; i < n;)
	{
		int32		end = i + 1;
		int64		size;

		while (end < n && keyed[end].key == keyed[i].key)
			end++;
		size = end - i;
		if (size > 1)
		{
			rule->blocks++;
			if (size > rule->largest)
			{
				rule->largest = size;
				rule->largest_key = describe_key(linkage, rule, keyed[i].record);
			}
			if (linkage->max_block > 0 && size > linkage->max_block && !rule->everything)
			{
				rule->skipped_blocks++;
				rule->skipped_pairs += size * (size - 1) / 2;
				for (int32 k = i; k < end; k++)
					linkage->key[r][keyed[k].record] = 0;
			}
			else
				rule->pairs += size * (size - 1) / 2;
		}
		i = end;
	}
}

static void
over_budget(CjLinkage *linkage, int64 pairs)
{
	CjRule	   *worst = &linkage->rule[0];

	for (int r = 1; r < linkage->nrules; r++)
		if (linkage->rule[r].pairs > worst->pairs)
			worst = &linkage->rule[r];
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("blocking rules make %lld pairs, more than \"max_pairs\" (%lld)",
					(long long) pairs, (long long) linkage->max_pairs),
			 errdetail("Rule \"%s\" makes %lld; its largest block has %lld records%s%s%s.",
					   worst->text, (long long) worst->pairs, (long long) worst->largest,
					   worst->everything ? "" : " (", worst->everything ? "" : worst->largest_key,
					   worst->everything ? "" : ")"),
			 errhint("Add parts to the rule, lower \"max_block\" or raise \"max_pairs\".")));
}

void
cj_blocking_prepare(CjLinkage *linkage, bool enforce)
{
	MemoryContext old = MemoryContextSwitchTo(linkage->context);
	int64		pairs = 0;

	for (int r = 0; r < linkage->nrules; r++)
	{
		CjRule	   *rule = &linkage->rule[r];

		if (linkage->key[r] != NULL)
		{
			pfree(linkage->key[r]);
			pfree(linkage->keyed[r]);
		}
		linkage->key[r] = MemoryContextAllocHuge(linkage->context, sizeof(uint64) *
												 Max((Size) linkage->nrecords, 1));
		rule->pairs = rule->new_pairs = rule->blocks = rule->largest = 0;
		rule->skipped_blocks = rule->skipped_pairs = 0;
		rule->largest_key = NULL;
		for (int32 i = 0; i < linkage->nrecords; i++)
			linkage->key[r][i] = record_key(linkage, rule, i);
		count_blocks(linkage, r);
		pairs += rule->pairs;
	}
	MemoryContextSwitchTo(old);
	if (enforce && linkage->max_pairs > 0 && pairs > linkage->max_pairs)
		over_budget(linkage, pairs);
}

/* Does an earlier rule make this pair already? */
static inline bool
seen_before(const CjLinkage *linkage, int rule, int32 a, int32 b)
{
	for (int r = 0; r < rule; r++)
		if (linkage->key[r][a] != 0 && linkage->key[r][a] == linkage->key[r][b])
			return true;
	return false;
}

/* Keys of several values may collide; the values themselves decide. */
static inline bool
really_equal(const CjLinkage *linkage, const CjRule *rule, int32 a, int32 b)
{
	for (int i = 0; i < rule->nfields && rule->nfields > 1; i++)
	{
		const int32 *code = linkage->field[rule->field[i]].code;

		if (code[a] != code[b])
			return false;
	}
	return true;
}

static void
run_block(CjLinkage *linkage, int r, const Keyed *keyed, int32 n,
		  CjPairFunction function, void *arg)
{
	CjRule	   *rule = &linkage->rule[r];

	for (int32 i = 0; i < n - 1; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int32 k = i + 1; k < n; k++)
		{
			int32		a = keyed[i].record;
			int32		b = keyed[k].record;

			if (seen_before(linkage, r, a, b) || !really_equal(linkage, rule, a, b))
				continue;
			rule->new_pairs++;
			if (function != NULL)
				function(arg, a, b, r);
		}
	}
}

void
cj_blocking_run(CjLinkage *linkage, CjPairFunction function, void *arg)
{
	int64		total = 0;
	int64		done = 0;

	for (int r = 0; r < linkage->nrules; r++)
		total += linkage->nkeyed[r];
	cj_progress_phase("comparing pairs, block by block: records", total);
	for (int r = 0; r < linkage->nrules; r++)
	{
		int32		n = linkage->nkeyed[r];
		const Keyed *keyed = linkage->keyed[r];

		linkage->rule[r].new_pairs = 0;
		for (int32 i = 0; i < n;)
		{
			int32		end = i + 1;

			while (end < n && keyed[end].key == keyed[i].key)
				end++;
			/* the records of a block left out have lost their keys */
			if (linkage->key[r][keyed[i].record] != 0)
				run_block(linkage, r, keyed + i, end - i, function, arg);
			cj_progress_update(done += end - i);
			i = end;
		}
	}
}
