/*-------------------------------------------------------------------------
 *
 * view.c
 *		Reading a journey: the header decoded once, everything else in place.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "journey/journey.h"
#include "journey/layout.h"

const int64 cj_time_unit[CJ_TIME_UNITS] = {
	INT64CONST(1), INT64CONST(1000), USECS_PER_SEC, USECS_PER_MINUTE,
	USECS_PER_HOUR, USECS_PER_DAY
};

int			cj_max_events = CJ_DEFAULT_MAX_EVENTS;

static inline uint32
load32(const uint8 *from)
{
	uint32		word;

	memcpy(&word, from, sizeof(word));
#ifdef WORDS_BIGENDIAN
	word = pg_bswap32(word);
#endif
	return word;
}

/* Reads a count and steps over it. */
static inline uint32
take_count(const uint8 **at, bool wide)
{
	uint32		count;

	if (!wide)
		return *(*at)++;
	count = load32(*at);
	*at += 4;
	return count;
}

/*
 * Steps over a packed array and describes it.  One of width 0 has no bytes, and
 * perhaps fewer than 8 follow where it would be: its entries are read, and
 * masked away, at the header, which is longer than that.
 */
static inline void
take_packed(CjView *view, const uint8 **at, CjPacked *packed, uint32 width, uint32 entries)
{
	packed->base = width == 0 ? view->body : *at;
	packed->width = width;
	packed->mask = cj_width_mask(width);
	*at += cj_packed_bytes(width, entries);
}

static inline uint32
last_end(const CjNames *names)
{
	return names->count == 0 ? 0 :
		(uint32) cj_packed_get(&names->ends, names->count - 1);
}

int32
cj_peek_nevents(const uint8 *body)
{
	if (body[0] != CJ_JOURNEY_VERSION)
		cj_bad_version(body[0]);
	return body[1] & CJ_WIDE ? (int32) load32(body + 4) : body[4];
}

TimestampTz
cj_peek_start(const uint8 *body)
{
	return (TimestampTz) cj_load64(body + (body[1] & CJ_WIDE ? 8 : 5));
}

void
cj_bad_version(int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("journey has unknown format version %d", version),
			 errhint("The value was written by a newer version of customer_journey, or is damaged.")));
}

/*
 * Fills what follows the header from the counts and widths already in the
 * view; returns where the names' bytes begin.
 */
static inline const uint8 *
take_arrays(CjView *view, const uint8 *at)
{
	uint32		n = view->nevents;

	take_packed(view, &at, &view->times, view->times.width, n);
	take_packed(view, &at, &view->event, cj_code_width(view->events.count, 0), n);
	take_packed(view, &at, &view->channel,
				cj_code_width(view->channels.count, view->channel_gap), n);
	take_packed(view, &at, &view->item,
				cj_code_width(view->items.count, view->item_gap), n);
	take_packed(view, &at, &view->value,
				cj_code_width(view->nvalues, view->value_gap), n);
	take_packed(view, &at, &view->events.ends, view->events.ends.width, view->events.count);
	take_packed(view, &at, &view->channels.ends, view->channels.ends.width, view->channels.count);
	take_packed(view, &at, &view->items.ends, view->items.ends.width, view->items.count);
	view->values = at;
	return at + (Size) view->nvalues * sizeof(double);
}

/* Count and width of one kind of names. */
static inline void
take_names(CjNames *names, const uint8 **at, bool present, bool wide)
{
	names->count = 0;
	names->ends.width = 0;
	if (present)
	{
		names->count = take_count(at, wide);
		names->ends.width = *(*at)++;
	}
}

/* What follows the fixed part of the header; the sizes of counts are known. */
static pg_attribute_always_inline bool
take_counts(CjView *view, const uint8 **at, uint8 flags, bool wide)
{
	view->nevents = (int32) take_count(at, wide);
	if (view->nevents == 0)
		return false;
	view->start = (TimestampTz) cj_load64(*at);
	*at += 8;
	take_names(&view->events, at, true, wide);
	take_names(&view->channels, at, flags & CJ_HAS_CHANNEL, wide);
	take_names(&view->items, at, flags & CJ_HAS_ITEM, wide);
	view->nvalues = flags & CJ_HAS_VALUE ? take_count(at, wide) : 0;
	return true;
}

/*
 * Everything up to the packed arrays; false for the empty journey, of which
 * nothing but the number of events is set.
 */
static inline bool
take_header(CjView *view, const uint8 **at)
{
	const uint8 *body = *at;
	uint8		flags = body[1];

	view->flags = flags;
	view->unit = cj_time_unit[body[2]];
	view->times.width = body[3];
	view->channel_gap = (flags & CJ_GAPS_CHANNEL) != 0;
	view->item_gap = (flags & CJ_GAPS_ITEM) != 0;
	view->value_gap = (flags & CJ_GAPS_VALUE) != 0;
	*at += 4;
	return unlikely(flags & CJ_WIDE) ? take_counts(view, at, flags, true) :
		take_counts(view, at, flags, false);
}

/* Makes a view one of no events. */
static void
clear(CjView *view)
{
	const uint8 *body = view->body;
	Size		size = view->size;

	memset(view, 0, sizeof(*view));
	view->body = body;
	view->size = size;
}

void
cj_view_init(CjView *view, const CjJourney *journey)
{
	const uint8 *at = (const uint8 *) VARDATA_ANY(journey);

	/* clearing the view costs as much as filling it */
	view->body = at;
	view->size = VARSIZE_ANY_EXHDR(journey);
	if (unlikely(at[0] != CJ_JOURNEY_VERSION))
		cj_bad_version(at[0]);
	if (unlikely(!take_header(view, &at)))
	{
		clear(view);
		return;
	}
	at = take_arrays(view, at);
	view->events.bytes = (const char *) at;
	view->channels.bytes = view->events.bytes + last_end(&view->events);
	view->items.bytes = view->channels.bytes + last_end(&view->channels);
}

/*
 * The same for bytes that nobody vouches for: false unless every part lies
 * within them.  What the parts say of each other is not checked.
 */
bool
cj_view_init_checked(CjView *view, const uint8 *body, Size size)
{
	const uint8 *at = body;
	bool		wide;
	Size		header;
	uint64		need;

	memset(view, 0, sizeof(*view));
	view->body = body;
	view->size = size;
	if (size < 5 || body[0] != CJ_JOURNEY_VERSION || (body[1] & 0x80) ||
		body[2] >= CJ_TIME_UNITS || (body[3] > CJ_MAX_WIDTH && body[3] != 64))
		return false;
	wide = (body[1] & CJ_WIDE) != 0;
	if (wide && size < 8)
		return false;
	if (cj_peek_nevents(body) == 0)
		return true;
	header = cj_header_bytes(body[1]);
	if (size < header)
		return false;
	take_header(view, &at);
	need = cj_body_bytes(view);
	if (need == 0 || need > size)
		return false;
	at = take_arrays(view, at);
	if (size - (view->values - body) < CJ_TAIL)
		return false;
	need = last_end(&view->events);
	need += last_end(&view->channels);
	need += last_end(&view->items);
	if (need > size - (at - body))
		return false;
	view->events.bytes = (const char *) at;
	view->channels.bytes = view->events.bytes + last_end(&view->events);
	view->items.bytes = view->channels.bytes + last_end(&view->channels);
	return true;
}

int32
cj_find_name(const CjNames *names, const char *name, int32 len)
{
	CjText		wanted = {name, len};
	int32		low = 0;
	int32		high = names->count;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;
		int			c = cj_text_compare(cj_name(names, middle), wanted);

		if (c == 0)
			return middle;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return CJ_ABSENT;
}

/* First position whose time is above "time", or at least it if !strictly. */
static int32
bound(const CjView *view, TimestampTz time, bool strictly)
{
	int32		low = 0;
	int32		high = view->nevents;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;
		TimestampTz at = cj_time(view, middle);

		if (strictly ? at > time : at >= time)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int32
cj_lower_bound(const CjView *view, TimestampTz time)
{
	return bound(view, time, false);
}

int32
cj_upper_bound(const CjView *view, TimestampTz time)
{
	return bound(view, time, true);
}

/* Blocks without a branch inside: nearly all journeys have no ties. */
bool
cj_has_ties(const CjView *view, int32 n)
{
	uint64		before = 0;

	for (int32 i = 1; i < n;)
	{
		int32		stop = Min(n - i, 1024) + i;
		bool		equal = false;

		CHECK_FOR_INTERRUPTS();
		for (; i < stop; i++)
		{
			uint64		time = cj_packed_get(&view->times, i);

			equal |= time == before;
			before = time;
		}
		if (equal)
			return true;
	}
	return false;
}

void
cj_get_event(const CjView *view, int32 i, CjEvent *event)
{
	event->time = cj_time(view, i);
	event->event = cj_event_code(view, i);
	event->channel = cj_channel_code(view, i) + 1;
	event->item = cj_item_code(view, i) + 1;
	event->value = 0;
	event->has_value = cj_value(view, i, &event->value);
}
