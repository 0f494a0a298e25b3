/*-------------------------------------------------------------------------
 *
 * layout.h
 *		Arithmetic of the packed format, for the files that read and write it.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_LAYOUT_H
#define CJ_JOURNEY_LAYOUT_H

#include "port/pg_bitutils.h"

#include "journey/journey.h"

/*
 * Widest packed entry that one 8-byte load can hold at any bit position; wider
 * ones are stored as 64 bits, which start at byte boundaries.
 */
#define CJ_MAX_WIDTH	57

/* Bytes that must follow the last packed array for such a load. */
#define CJ_TAIL			7

/* Bits needed for a number. */
static inline uint32
cj_bits(uint64 number)
{
	return number == 0 ? 0 : pg_leftmost_one_pos64(number) + 1;
}

/* Width of packed entries up to a number. */
static inline uint32
cj_width(uint64 largest)
{
	uint32		bits = cj_bits(largest);

	return bits > CJ_MAX_WIDTH ? 64 : bits;
}

static inline uint64
cj_width_mask(uint32 width)
{
	return width == 0 ? 0 : ~UINT64CONST(0) >> (64 - width);
}

static inline uint32
cj_code_width(uint32 names, uint32 gap)
{
	return names == 0 ? 0 : cj_bits(names - 1 + gap);
}

static inline Size
cj_packed_bytes(uint32 width, uint32 entries)
{
	return (Size) (((uint64) width * entries + 7) / 8);
}

/* Size of everything before the packed arrays, of a journey with events. */
static inline Size
cj_header_bytes(uint8 flags)
{
	Size		count = flags & CJ_WIDE ? 4 : 1;

	return 4 + count + 8 + count + 1 +
		(flags & CJ_HAS_CHANNEL ? count + 1 : 0) +
		(flags & CJ_HAS_ITEM ? count + 1 : 0) +
		(flags & CJ_HAS_VALUE ? count : 0);
}

/*
 * Size up to the names' bytes, from the counts and widths in a view; 0 if a
 * count or width is beyond what the format allows.
 */
static inline uint64
cj_body_bytes(const CjView *view)
{
	uint64		n = (uint32) view->nevents;

	/* unsigned, so that a negative count is too large */
	if (view->nevents < 1 || view->events.count < 1 ||
		(uint32) view->events.count > n || (uint32) view->channels.count > n ||
		(uint32) view->items.count > n || (uint32) view->nvalues > n ||
		view->events.ends.width > 32 || view->channels.ends.width > 32 ||
		view->items.ends.width > 32)
		return 0;
	return cj_header_bytes(view->flags) +
		cj_packed_bytes(view->times.width, n) +
		cj_packed_bytes(cj_code_width(view->events.count, 0), n) +
		cj_packed_bytes(cj_code_width(view->channels.count, view->channel_gap), n) +
		cj_packed_bytes(cj_code_width(view->items.count, view->item_gap), n) +
		cj_packed_bytes(cj_code_width(view->nvalues, view->value_gap), n) +
		cj_packed_bytes(view->events.ends.width, view->events.count) +
		cj_packed_bytes(view->channels.ends.width, view->channels.count) +
		cj_packed_bytes(view->items.ends.width, view->items.count) +
		(uint64) view->nvalues * sizeof(double);
}

/*
 * A view of bytes that nobody vouches for: false unless every part lies within
 * them.  What the parts say of each other is for the caller to check.
 */
extern bool cj_view_init_checked(CjView *view, const uint8 *body, Size size);

pg_noreturn extern void cj_bad_version(int version);

#endif							/* CJ_JOURNEY_LAYOUT_H */
