/*-------------------------------------------------------------------------
 *
 * groups.c
 *		The groups of one partition: an open-addressing table that fits the cache.
 *
 * A row's header, once read, gives room for the link to the next row of its
 * group, so that grouping moves nothing.  The key of a keyed store, which was there,
 * is kept with the group; in other stores a new row is compared with the last one
 * of the group, whose link is about to be written anyway.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "scan/scan.h"

#define FIRST_GROUPS	1024

static void
account(CjStore *store)
{
	CjGroups   *groups = &store->groups;
	Size		memory = groups->capacity * sizeof(CjGroup) + groups->table_size * sizeof(uint64);

	cj_arena_charge(store->arena, (int64) memory - (int64) groups->memory);
	groups->memory = memory;
}

void
cj_groups_reset(CjStore *store)
{
	CjGroups   *groups = &store->groups;

	if (groups->groups == NULL)
	{
		groups->capacity = FIRST_GROUPS;
		groups->table_size = 2 * FIRST_GROUPS;
		groups->groups = MemoryContextAllocHuge(store->arena->context,
												groups->capacity * sizeof(CjGroup));
		groups->table = MemoryContextAllocHuge(store->arena->context,
											   groups->table_size * sizeof(uint64));
		account(store);
	}
	memset(groups->table, 0, groups->table_size * sizeof(uint64));
	groups->count = 0;
}

void
cj_groups_free(CjStore *store)
{
	CjGroups   *groups = &store->groups;

	if (groups->groups == NULL)
		return;
	pfree(groups->groups);
	pfree(groups->table);
	groups->groups = NULL;
	groups->capacity = groups->table_size = 0;
	account(store);
}

/* Twice the room, and the groups into a new table. */
static pg_noinline void
grow(CjStore *store)
{
	CjGroups   *groups = &store->groups;
	uint64	   *old = groups->table;
	int64		old_size = groups->table_size;
	uint64		mask;

	if (groups->capacity >= PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many groups in one batch")));
	groups->capacity *= 2;
	groups->groups = repalloc_huge(groups->groups, groups->capacity * sizeof(CjGroup));
	groups->table_size *= 2;
	groups->table = MemoryContextAllocExtended(store->arena->context,
											   groups->table_size * sizeof(uint64),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	mask = groups->table_size - 1;
	for (int64 i = 0; i < old_size; i++)
	{
		uint64		slot = (old[i] >> 32) & mask;

		if (old[i] == 0)
			continue;
		while (groups->table[slot] != 0)
			slot = (slot + 1) & mask;
		groups->table[slot] = old[i];
	}
	pfree(old);
	account(store);
}

static pg_attribute_always_inline void
add_row(CjStore *store, CjStoredRow *row, bool keyed)
{
	CjGroups   *groups = &store->groups;
	uint64		key = keyed ? row->head.key : 0;
	uint64		hash = keyed ? cj_hash_word(key) : row->head.is.hash;
	uint64		mask = groups->table_size - 1;
	uint64		slot = hash & mask;
	bool		idle = cj_row_idle(store, row);

	row->head.next = NULL;
	for (uint64 entry; (entry = groups->table[slot]) != 0; slot = (slot + 1) & mask)
	{
		CjGroup    *group = &groups->groups[(uint32) entry - 1];

		if (entry >> 32 == hash &&
			(keyed ? group->key == key : store->same(group->last, row, store->arg)))
		{
			if (!idle)
			{
				group->last->head.next = row;
				group->last = row;
			}
			else
				store->arena->left_out++;
			return;
		}
	}
	groups->groups[groups->count].first = row;
	groups->groups[groups->count].last = row;
	groups->groups[groups->count].key = key;
	groups->table[slot] = hash << 32 | (uint64) ++groups->count;
	if (unlikely(groups->count == groups->capacity))
		grow(store);
}

static pg_attribute_always_inline void
add_rows(CjStore *store, char *rows, Size bytes, bool keyed)
{
	int			n = 0;

	for (char *end = rows + bytes; rows < end;)
	{
		CjStoredRow *row = (CjStoredRow *) rows;

		rows += cj_row_size(store, row);
		add_row(store, row, keyed);
		if ((++n & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

void
cj_groups_add(CjStore *store, char *rows, Size bytes)
{
	if (store->keyed != 0)
		add_rows(store, rows, bytes, true);
	else
		add_rows(store, rows, bytes, false);
}
