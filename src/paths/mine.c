/*-------------------------------------------------------------------------
 *
 * mine.c
 *		Frequent sequential patterns by growing prefixes.
 *
 * A prefix has a list of occurrences: journey, position of its last event, and
 * the latest possible position of its first.  One pass over what may follow
 * each occurrence finds the occurrences of all extensions by one event; those
 * in enough journeys are reported and grown further, depth first.
 *
 * Without limits on gaps and spans the earliest occurrence in a journey decides
 * everything, and only it is kept.  With limits all ends are kept, each once
 * with its latest beginning (no other can be within the span if that is not);
 * so an early match never hides a later one that could go on.
 *
 * With "sets" the events of one instant form a set, and a pattern's element is
 * a subset: an extension either joins the instant of the last event (by a
 * greater code) or begins a later one.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/progress.h"
#include "compat.h"
#include "paths/mine.h"
#include "paths/paths.h"

typedef struct Occurrence
{
	int32		journey;
	int32		end;			/* position in the codes of all journeys */
	int32		start;
} Occurrence;

/* An occurrence of an extension; item: code, or names + code if it joins the instant. */
typedef struct Candidate
{
	Occurrence	at;
	int32		item;
} Candidate;

typedef struct Miner
{
	const CjSequences *from;
	const CjMineSpec *spec;
	const char *function;
	CjMined    *mined;
	bool		earliest;		/* keep only the first occurrence in a journey */
	int32	   *ordinals;		/* position or instant of each event in its
								 * journey */

	/* scratch of one pass, by item */
	int64	   *seen;			/* ordinal of the pass over a journey */
	int32	   *support;
	int32	   *occurrences;
	int32	   *touched;		/* items in use */
	int32		ntouched;
	int64		pass;

	/* scratch of one journey, by position from its start */
	int64	   *reached;		/* ordinal of the pass that reached it */
	int32	   *latest;			/* latest beginning */
	int32	   *positions;
	int32		npositions;

	Candidate  *candidates;
	int64		ncandidates;
	int64		candidates_room;
	int32	   *prefix;
	int32		prefix_room;
	uint32		steps;
} Miner;

/* ---- memory ---- */

static void
use_memory(Miner *miner, Size more)
{
	miner->mined->memory += more;
	cj_check_path_memory(miner->mined->memory, miner->function,
						 "Raise min_support, limit max_length, or raise");
}

static void *
grow_array(Miner *miner, void *array, int64 *room, int64 need, Size size)
{
	int64		wanted = Max(*room, 64);

	if (need <= *room)
		return array;
	while (wanted < need)
		wanted *= 2;
	use_memory(miner, (Size) (wanted - *room) * size);
	*room = wanted;
	return array == NULL ? palloc_extended(wanted * size, MCXT_ALLOC_HUGE) :
		repalloc_huge(array, wanted * size);
}

static inline void
count_step(Miner *miner)
{
	if (unlikely((++miner->steps & 0x3ff) == 0))
		CHECK_FOR_INTERRUPTS();
}

/* ---- candidates ---- */

static inline void
add_candidate(Miner *miner, int32 item, int32 journey, int32 end, int32 start)
{
	Candidate  *candidate;

	if (unlikely(miner->ncandidates == miner->candidates_room))
		miner->candidates = grow_array(miner, miner->candidates, &miner->candidates_room,
									   miner->ncandidates + 1, sizeof(Candidate));
	candidate = &miner->candidates[miner->ncandidates++];
	candidate->at.journey = journey;
	candidate->at.end = end;
	candidate->at.start = start;
	candidate->item = item;
	if (miner->seen[item] != miner->pass)
	{
		miner->seen[item] = miner->pass;
		if (miner->support[item]++ == 0)
			miner->touched[miner->ntouched++] = item;
	}
	miner->occurrences[item]++;
}

/* What first follows the earliest occurrence; "from" is the position after it. */
static inline void
extend_earliest(Miner *miner, int32 journey, int32 from, int32 start)
{
	const int32 *codes = miner->from->codes;
	int64		until = miner->from->starts[journey + 1];

	miner->pass++;
	for (int32 p = from; p < until; p++)
	{
		int32		code = codes[p];

		if (miner->seen[code] != miner->pass)
			add_candidate(miner, code, journey, p, start < 0 ? p : start);
	}
	miner->steps += (uint32) (until - from);
	count_step(miner);
}

/* Notes that an extension may end at a position, begun no later than "start". */
static inline void
reach(Miner *miner, int64 base, int32 position, int32 start)
{
	int64		i = position - base;

	if (miner->reached[i] != miner->pass)
	{
		miner->reached[i] = miner->pass;
		miner->latest[i] = start;
		miner->positions[miner->npositions++] = position;
	}
	else
		miner->latest[i] = Max(miner->latest[i], start);
}

/* All positions that may follow one occurrence later. */
static void
reach_later(Miner *miner, const Occurrence *at, int64 base, int64 until)
{
	const CjMineSpec *spec = miner->spec;
	const int64 *times = miner->from->times;
	const int32 *ordinals = miner->ordinals;

	for (int32 p = at->end + 1; p < until; p++)
	{
		count_step(miner);
		if (spec->max_gap_events >= 0 && ordinals[p] - ordinals[at->end] > spec->max_gap_events)
			break;
		if (times != NULL)
		{
			uint64		gap = cj_elapsed(times[at->end], times[p]);

			if (spec->max_gap >= 0 && gap > (uint64) spec->max_gap)
				break;
			if (spec->max_span >= 0 && cj_elapsed(times[at->start], times[p]) > (uint64) spec->max_span)
				break;
			if (gap < (uint64) spec->min_gap)
				continue;
		}
		if (miner->from->codes[p] < 0 || ordinals[p] == ordinals[at->end])
			continue;
		reach(miner, base, p, at->start);
	}
}

/* All occurrences in one journey, extended in every way. */
static void
extend_all(Miner *miner, const Occurrence *at, int64 count)
{
	const int32 *codes = miner->from->codes;
	int32		journey = at[0].journey;
	int64		base = miner->from->starts[journey];
	int64		until = miner->from->starts[journey + 1];

	miner->pass++;
	miner->npositions = 0;
	for (int64 i = 0; i < count; i++)
		reach_later(miner, &at[i], base, until);
	for (int32 i = 0; i < miner->npositions; i++)
		add_candidate(miner, codes[miner->positions[i]], journey, miner->positions[i],
					  miner->latest[miner->positions[i] - base]);
	if (!miner->spec->sets)
		return;
	for (int64 i = 0; i < count; i++)
		for (int32 p = at[i].end + 1;
			 p < until && miner->ordinals[p] == miner->ordinals[at[i].end]; p++)
			if (codes[p] >= 0)
				add_candidate(miner, miner->from->names + codes[p], journey, p, at[i].start);
}

/* ---- results ---- */

static void
report(Miner *miner, int32 length, const Occurrence *at, int64 count, int64 support)
{
	CjMined    *mined = miner->mined;
	int32		classes = miner->from->classes;
	CjFound    *found;
	int64	   *counts;
	int64		old_room = mined->room;

	if (mined->count >= cj_max_patterns)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s finds more than %d frequent patterns", miner->function, cj_max_patterns),
				 errhint("Raise min_support or min_count (now " INT64_FORMAT " journeys), limit max_length, "
						 "or raise customer_journey.max_patterns.", miner->spec->min_count)));
	mined->found = grow_array(miner, mined->found, &mined->room, mined->count + 1, sizeof(CjFound));
	mined->items = grow_array(miner, mined->items, &mined->items_room,
							  mined->nitems + length, sizeof(int32));
	if (classes > 1 && mined->room != old_room)
	{
		old_room *= classes;
		mined->class_counts = grow_array(miner, mined->class_counts, &old_room,
										 mined->room * classes, sizeof(int64));
	}
	found = &mined->found[mined->count];
	found->support = support;
	found->first = mined->nitems;
	found->length = length;
	found->dropped = false;
	memcpy(mined->items + mined->nitems, miner->prefix, length * sizeof(int32));
	mined->nitems += length;
	if (classes > 1)
	{
		counts = &mined->class_counts[mined->count * classes];
		memset(counts, 0, classes * sizeof(int64));
		for (int64 i = 0; i < count; i++)
			if (i == 0 || at[i].journey != at[i - 1].journey)
				counts[miner->from->class_of[at[i].journey]]++;
	}
	mined->count++;
}

/* ---- growing ---- */

static void grow(Miner *miner, int32 length, const Occurrence *at, int64 count);

/* A frequent item of a pass, and where its occurrences are. */
typedef struct Extension
{
	int32		item;
	int32		support;
	int64		first;
	int64		count;
} Extension;

static int
compare_extensions(const void *a, const void *b)
{
	return ((const Extension *) a)->item - ((const Extension *) b)->item;
}

/*
 * Takes the frequent items of the pass out of the scratch and sorts their
 * candidates by item; the scratch is clean after.
 */
static Extension *
distribute(Miner *miner, Occurrence **sorted, int32 *nextensions, int64 *total)
{
	Extension  *extensions = palloc_array(Extension, miner->ntouched + 1);
	int32		n = 0;
	int64		at = 0;

	for (int32 i = 0; i < miner->ntouched; i++)
	{
		int32		item = miner->touched[i];

		if (miner->support[item] >= miner->spec->min_count)
		{
			extensions[n].item = item;
			extensions[n].support = miner->support[item];
			extensions[n].first = at;
			extensions[n].count = 0;
			at += miner->occurrences[item];
			n++;
		}
		miner->support[item] = 0;
		miner->occurrences[item] = -1;
	}
	for (int32 i = 0; i < n; i++)
		miner->occurrences[extensions[i].item] = i;
	use_memory(miner, at * sizeof(Occurrence));
	*sorted = palloc_extended(Max(at, 1) * sizeof(Occurrence), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < miner->ncandidates; i++)
	{
		int32		to = miner->occurrences[miner->candidates[i].item];

		if (to >= 0)
			(*sorted)[extensions[to].first + extensions[to].count++] = miner->candidates[i].at;
	}
	for (int32 i = 0; i < miner->ntouched; i++)
		miner->occurrences[miner->touched[i]] = 0;
	miner->ntouched = 0;
	miner->ncandidates = 0;
	*nextensions = n;
	*total = at;
	return extensions;
}

/* Reports and grows every frequent extension of a prefix. */
static void
grow_extensions(Miner *miner, int32 length)
{
	Occurrence *sorted;
	Extension  *extensions;
	int32		n;
	int64		total;

	extensions = distribute(miner, &sorted, &n, &total);
	qsort(extensions, n, sizeof(Extension), compare_extensions);
	if (length >= miner->prefix_room)
	{
		miner->prefix_room *= 2;
		miner->prefix = repalloc(miner->prefix, miner->prefix_room * sizeof(int32));
	}
	if (length == 0)
		cj_progress_phase("growing patterns from their first events", n);
	for (int32 i = 0; i < n; i++)
	{
		const Extension *extension = &extensions[i];
		int32		names = miner->from->names;

		miner->prefix[length] = extension->item < names ? extension->item :
			~(extension->item - names);
		report(miner, length + 1, sorted + extension->first, extension->count, extension->support);
		if (length + 1 < miner->spec->max_length)
			grow(miner, length + 1, sorted + extension->first, extension->count);
		if (length == 0)
			cj_progress_update(i + 1);
	}
	pfree(sorted);
	pfree(extensions);
	miner->mined->memory -= total * sizeof(Occurrence);
}

static void
grow(Miner *miner, int32 length, const Occurrence *at, int64 count)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (miner->earliest)
		for (int64 i = 0; i < count; i++)
			extend_earliest(miner, at[i].journey, at[i].end + 1, at[i].start);
	else
		for (int64 i = 0; i < count;)
		{
			int64		from = i;

			while (i < count && at[i].journey == at[from].journey)
				i++;
			extend_all(miner, at + from, i - from);
		}
	if (miner->ntouched > 0)
		grow_extensions(miner, length);
}

/* Every event begins a pattern. */
static void
grow_first(Miner *miner)
{
	const CjSequences *from = miner->from;

	for (int32 journey = 0; journey < from->count; journey++)
	{
		if (miner->earliest)
		{
			extend_earliest(miner, journey, (int32) from->starts[journey], -1);
			continue;
		}
		miner->pass++;
		for (int64 p = from->starts[journey]; p < from->starts[journey + 1]; p++)
			if (from->codes[p] >= 0)
				add_candidate(miner, from->codes[p], journey, (int32) p, (int32) p);
		count_step(miner);
	}
	if (miner->ntouched > 0)
		grow_extensions(miner, 0);
}

/* ---- preparation ---- */

/*
 * Takes out what cannot be in a frequent pattern: events with too few journeys,
 * or just their codes where positions count.
 */
static void
drop_rare(Miner *miner, CjSequences *from)
{
	int32	   *support = palloc0_array(int32, from->names + 1);
	int32	   *last = palloc_array(int32, from->names + 1);
	int64		to = 0;

	memset(last, -1, (from->names + 1) * sizeof(int32));
	for (int32 journey = 0; journey < from->count; journey++)
		for (int64 p = from->starts[journey]; p < from->starts[journey + 1]; p++)
			if (last[from->codes[p]] != journey)
			{
				last[from->codes[p]] = journey;
				support[from->codes[p]]++;
			}
	for (int32 journey = 0; journey < from->count; journey++)
	{
		int64		begin = to;

		count_step(miner);
		for (int64 p = from->starts[journey]; p < from->starts[journey + 1]; p++)
		{
			bool		rare = support[from->codes[p]] < miner->spec->min_count;

			if (miner->earliest && rare)
				continue;
			from->codes[to++] = rare ? -1 : from->codes[p];
		}
		from->starts[journey] = begin;
	}
	from->starts[from->count] = to;
	pfree(support);
	pfree(last);
}

/* Positions, or instants where these are sets; and room for the longest journey. */
static void
prepare_positions(Miner *miner)
{
	const CjSequences *from = miner->from;
	int64		longest = 0;

	miner->ordinals = palloc_extended((from->starts[from->count] + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	for (int32 journey = 0; journey < from->count; journey++)
	{
		int32		ordinal = 0;

		longest = Max(longest, from->starts[journey + 1] - from->starts[journey]);
		for (int64 p = from->starts[journey]; p < from->starts[journey + 1]; p++)
		{
			if (p > from->starts[journey] &&
				(!miner->spec->sets || from->times[p] != from->times[p - 1]))
				ordinal++;
			miner->ordinals[p] = ordinal;
		}
	}
	miner->reached = palloc_extended((longest + 1) * sizeof(int64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	miner->latest = palloc_extended((longest + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	miner->positions = palloc_extended((longest + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	use_memory(miner, from->starts[from->count] * sizeof(int32) + longest * 16);
}

CjMined *
cj_mine(CjSequences *sequences, const CjMineSpec *spec, const char *function)
{
	Miner		miner;

	memset(&miner, 0, sizeof(miner));
	miner.from = sequences;
	miner.spec = spec;
	miner.function = function;
	miner.mined = palloc0_object(CjMined);
	miner.earliest = spec->max_gap_events < 0 && !cj_mine_needs_times(spec);
	miner.seen = palloc0_array(int64, 2 * sequences->names + 1);
	miner.support = palloc0_array(int32, 2 * sequences->names + 1);
	miner.occurrences = palloc0_array(int32, 2 * sequences->names + 1);
	miner.touched = palloc_array(int32, 2 * sequences->names + 1);
	miner.prefix_room = 64;
	miner.prefix = palloc_array(int32, miner.prefix_room);
	use_memory(&miner, (Size) sequences->names * 40);
	cj_progress_start(function);
	drop_rare(&miner, sequences);
	if (!miner.earliest)
		prepare_positions(&miner);
	if (spec->max_length > 0)
		grow_first(&miner);
	cj_progress_end();
	return miner.mined;
}
