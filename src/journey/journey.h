/*-------------------------------------------------------------------------
 *
 * journey.h
 *		The journey value: one customer's events in time order, packed.
 *
 * LAYOUT (format version 1)
 *
 * A journey is a varlena.  After the varlena header (1 or 4 bytes; nothing
 * below is aligned, everything is read with memcpy) comes the body.  Integers
 * are little-endian on every machine.  A "count" is 1 byte, or 4 bytes when
 * the WIDE flag is set.
 *
 *	offset	size	meaning
 *	0		1		format version: 1
 *	1		1		flags, CJ_HAS_* and CJ_GAPS_* below; bit 7 is zero
 *	2		1		time unit: 0 microsecond, 1 millisecond, 2 second, 3 minute,
 *					4 hour, 5 day (of 24 hours)
 *	3		1		time width: bits of one packed time, 0..57 or 64
 *	4		count	number of events, n
 *
 * The empty journey ends here, with all of flags, unit and width zero.
 * Otherwise:
 *
 *	8		time of the first event, microseconds since 2000-01-01 00:00 UTC
 *	count	number of event names;		1 byte: bits of one packed name end,
 *										the least that hold the last
 *	count	number of channel names;	1 byte: the same	(if HAS_CHANNEL)
 *	count	number of item names;		1 byte: the same	(if HAS_ITEM)
 *	count	number of distinct values							(if HAS_VALUE)
 *
 * then the packed arrays, each starting at a byte boundary: n times, n event
 * codes, n channel codes, n item codes, n value codes, and one array of ends
 * for each kind of names; then the distinct values as 8-byte floats in
 * ascending order of cj_value_key (that of numbers; -0 before 0, and last the
 * one NaN there is, of bits 7ff8000000000000); then the names' bytes, event,
 * channel and item names; and as many zero bytes as are missing to 7 bytes after
 * the last packed array: an entry that takes bytes can always be read with one
 * 8-byte load.
 *
 *	- A packed array holds its entries' lowest "width" bits one after the
 *	  other, the first in the lowest bits of the first byte; spare bits at the
 *	  end are zero.  Width 0 takes no bytes: every entry is 0.
 *	- A time is (event's time - first time) / unit.  The unit is the largest
 *	  that divides all differences (day if there are none), the width the least
 *	  that holds the last, but 64 where that is above 57.
 *	- An event code is a position in the names, which are sorted by their
 *	  bytes and all used, so that codes order as names do.  Channel, item and
 *	  value codes are the same, but with 1 added when the GAPS flag says that
 *	  some events lack the attribute; 0 is then "absent".  An attribute that no
 *	  event has is not stored at all.  The width of a code follows from the
 *	  number of names (and the GAPS flag): the least that holds the largest.
 *	- The end of name i is the number of name bytes up to and including it.
 *	- Counts are wide when any of them is above 255.
 *
 * Events are sorted by time, event, channel, item and value (absent first,
 * names by bytes, values by cj_value_key): equal sets of events give equal
 * bytes.  20 events over 90 days in microseconds with 8 names and 5 channels
 * take 43 + 3 + 3 bits each, and 4 days of whole seconds 19 + 3 + 3.
 *
 * The binary wire format is the body itself.
 *
 * Files: view.c (reading), dictionary.c (names to
 * codes), builder.c (collecting events), sort.c, pack.c and write.c (writing),
 * validate.c (untrusted bytes), text.c, lexicon.c and time.c (text form),
 * algebra.c (operations closed over journeys).  The *_sql.c files unpack
 * arguments and pack results.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_H
#define CJ_JOURNEY_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "port/pg_bswap.h"

#include "common/text.h"

/* Setting customer_journey.max_events; the hard limit keeps sizes in 1 GB. */
#define CJ_DEFAULT_MAX_EVENTS	10000000
#define CJ_HARD_MAX_EVENTS		100000000
extern int	cj_max_events;

/* Longest event, channel or item name in bytes. */
#define CJ_MAX_NAME				65535

#define CJ_JOURNEY_VERSION		1

#define CJ_HAS_CHANNEL			0x01
#define CJ_HAS_VALUE			0x02
#define CJ_HAS_ITEM				0x04
#define CJ_GAPS_CHANNEL			0x08
#define CJ_GAPS_VALUE			0x10
#define CJ_GAPS_ITEM			0x20
#define CJ_WIDE					0x40

#define CJ_TIME_UNITS			6
extern const int64 cj_time_unit[CJ_TIME_UNITS];

/*
 * A journey in memory is a varlena with a header of either size; never
 * dereference it, look at it through a CjView.
 */
typedef struct varlena CjJourney;

/* ---- reading (view.c) ---- */

/* Entries of equal width; base has at least 7 readable bytes beyond the last. */
typedef struct CjPacked
{
	const uint8 *base;
	uint32		width;
	uint64		mask;
} CjPacked;

static inline uint64
cj_load64(const void *from)
{
	uint64		word;

	memcpy(&word, from, sizeof(word));
#ifdef WORDS_BIGENDIAN
	word = pg_bswap64(word);
#endif
	return word;
}

static inline uint64
cj_packed_get(const CjPacked *packed, uint32 i)
{
	uint64		bit = (uint64) i * packed->width;

	return (cj_load64(packed->base + (bit >> 3)) >> (bit & 7)) & packed->mask;
}

/*
 * For reading entries in order, several with one load: the entry is in the
 * lowest bits of the word and the next ones follow; the number of entries that
 * a word holds, whatever the first one's position.  Not for widths above 57.
 */
static inline uint64
cj_packed_word(const CjPacked *packed, uint32 i)
{
	uint64		bit = (uint64) i * packed->width;

	return cj_load64(packed->base + (bit >> 3)) >> (bit & 7);
}

static inline int32
cj_packed_per_word(const CjPacked *packed)
{
	return packed->width == 0 ? 64 : (int32) (57 / packed->width);
}

/* Sorted names; ends.width and bytes as stored. */
typedef struct CjNames
{
	int32		count;
	CjPacked	ends;
	const char *bytes;
} CjNames;

static inline CjText
cj_name(const CjNames *names, uint32 i)
{
	uint32		start = i == 0 ? 0 : (uint32) cj_packed_get(&names->ends, i - 1);
	CjText		name;

	name.data = names->bytes + start;
	name.len = (int32) ((uint32) cj_packed_get(&names->ends, i) - start);
	return name;
}

/*
 * A decoded header: pointers into the journey, which must outlive it.  Costs a
 * few nanoseconds, allocates nothing.  Codes of absent attributes and of
 * attributes that no event has read as CJ_ABSENT.
 */
typedef struct CjView
{
	int32		nevents;
	uint8		flags;
	TimestampTz start;			/* of the first event; meaningless if nevents
								 * is 0 */
	int64		unit;			/* microseconds */
	int32		nvalues;
	CjPacked	times;
	CjPacked	event;
	CjPacked	channel;
	CjPacked	item;
	CjPacked	value;
	uint32		channel_gap;	/* 1 if code 0 means absent */
	uint32		item_gap;
	uint32		value_gap;
	CjNames		events;
	CjNames		channels;
	CjNames		items;
	const uint8 *values;		/* distinct values, 8 bytes each, unaligned */
	const uint8 *body;
	Size		size;			/* of the body */
} CjView;

#define CJ_ABSENT	(-1)

extern void cj_view_init(CjView *view, const CjJourney *journey);

/* The number of events from the first bytes of a body: what a slice must hold. */
#define CJ_HEADER_SLICE		8
extern int32 cj_peek_nevents(const uint8 *body);

/* Likewise the time of the first event; there must be one. */
#define CJ_START_SLICE		16
extern TimestampTz cj_peek_start(const uint8 *body);

static inline TimestampTz
cj_time(const CjView *view, uint32 i)
{
	/* unsigned: the differences of the extremes are more than int64 holds */
	return (TimestampTz) ((uint64) view->start +
						  cj_packed_get(&view->times, i) * (uint64) view->unit);
}

/* Microseconds between two times in order; more than int64 holds, at the extremes. */
static inline uint64
cj_elapsed(TimestampTz from, TimestampTz to)
{
	return (uint64) to - (uint64) from;
}

static inline int32
cj_event_code(const CjView *view, uint32 i)
{
	return (int32) cj_packed_get(&view->event, i);
}

static inline int32
cj_channel_code(const CjView *view, uint32 i)
{
	return view->flags & CJ_HAS_CHANNEL ?
		(int32) cj_packed_get(&view->channel, i) - (int32) view->channel_gap : CJ_ABSENT;
}

static inline int32
cj_item_code(const CjView *view, uint32 i)
{
	return view->flags & CJ_HAS_ITEM ?
		(int32) cj_packed_get(&view->item, i) - (int32) view->item_gap : CJ_ABSENT;
}

static inline int32
cj_value_code(const CjView *view, uint32 i)
{
	return view->flags & CJ_HAS_VALUE ?
		(int32) cj_packed_get(&view->value, i) - (int32) view->value_gap : CJ_ABSENT;
}

static inline double
cj_value_of_code(const CjView *view, int32 code)
{
	uint64		bits = cj_load64(view->values + (Size) code * 8);
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The value of event i; false if it has none. */
static inline bool
cj_value(const CjView *view, uint32 i, double *value)
{
	int32		code = cj_value_code(view, i);

	if (code == CJ_ABSENT)
		return false;
	*value = cj_value_of_code(view, code);
	return true;
}

/* Do two of the first n events share an instant?  n is at most nevents. */
extern bool cj_has_ties(const CjView *view, int32 n);

/* Code of a name, or CJ_ABSENT if it is not among them: binary search. */
extern int32 cj_find_name(const CjNames *names, const char *name, int32 len);

/* Position of the first event at or after (or strictly after) a time: 0..nevents. */
extern int32 cj_lower_bound(const CjView *view, TimestampTz time);
extern int32 cj_upper_bound(const CjView *view, TimestampTz time);

/* ---- names to codes while collecting (dictionary.c) ---- */

typedef struct CjDictionary CjDictionary;

extern CjDictionary *cj_dictionary_create(MemoryContext context);
extern int32 cj_dictionary_count(const CjDictionary *dictionary);

/* Code of a name, added if new: codes count up from 0 and never change. */
extern uint32 cj_dictionary_code(CjDictionary *dictionary, const char *name, int32 len);

/* Codes of all of a journey's names, palloc'd. */
extern uint32 *cj_dictionary_codes(CjDictionary *dictionary, const CjNames *names);
extern CjText cj_dictionary_name(const CjDictionary *dictionary, uint32 code);

/*
 * Position of each code's name in byte order, and the code at each position;
 * valid until a name is added.
 */
extern const uint32 *cj_dictionary_ranks(CjDictionary *dictionary);
extern const uint32 *cj_dictionary_order(CjDictionary *dictionary);

/* ---- collected events ---- */

/*
 * An event with its names as codes of dictionaries.  Aggregates of events that
 * have neither value nor item store only the first CJ_EVENT_SHORT bytes.
 */
typedef struct CjEvent
{
	TimestampTz time;
	uint32		event;
	uint32		channel;		/* code + 1, 0 if absent */
	double		value;			/* 0 if absent */
	uint32		item;			/* code + 1, 0 if absent */
	uint32		has_value;		/* 0 or 1 */
} CjEvent;

#define CJ_EVENT_SHORT	offsetof(CjEvent, value)

/*
 * Where codes get their names from: a dictionary, or the names of a view
 * (which are ranked by nature).
 */
typedef struct CjNaming
{
	CjDictionary *dictionary;
	const CjNames *names;
} CjNaming;

typedef struct CjNamings
{
	CjNaming	event;
	CjNaming	channel;
	CjNaming	item;
} CjNamings;

/* There is one NaN: bytes decide equality. */
extern double cj_canonical_value(double value);

/* Total order of values: by bits, such that numbers order as numbers. */
static inline uint64
cj_value_key(double value)
{
	uint64		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits & UINT64CONST(0x8000000000000000) ? ~bits :
		bits | UINT64CONST(0x8000000000000000);
}

/*
 * Sorts n events of the given stride (sizeof(CjEvent) or CJ_EVENT_SHORT) in
 * place and packs them into a new journey.  Sorted input costs one pass.
 */
extern CjJourney *cj_pack(void *events, int32 n, Size stride, const CjNamings *namings);

/* ---- collecting events in any order (builder.c) ---- */

typedef struct CjBuilder
{
	CjEvent    *events;
	int32		nevents;
	int32		capacity;
	CjDictionary *event;
	CjDictionary *channel;
	CjDictionary *item;
	int32		limit;			/* of events: customer_journey.max_events at
								 * first */
	Node	   *escontext;		/* where to record soft errors; NULL at first */
} CjBuilder;

extern void cj_builder_init(CjBuilder *builder);

/*
 * Adds one event; channel and item may be NULL pointers (data == NULL), value
 * a NULL pointer.  Errors: infinite time (22008), name too long (22001), more
 * events than the limit (54000); false if one was recorded softly.
 */
extern bool cj_builder_add(CjBuilder *builder, TimestampTz time, CjText event,
						   CjText channel, const double *value, CjText item);
extern CjJourney *cj_builder_finish(CjBuilder *builder);

/* The same events, each name replaced by what map gives for it; no limit of events. */
extern CjJourney *cj_map_names(const CjView *view, CjText (*map) (CjText name));

/* Are all of its names ASCII? */
extern bool cj_all_ascii(const CjView *view);

/* The checks that every way in shares. */
extern void cj_check_time(TimestampTz time);
extern void cj_check_name(CjText name, const char *kind);
extern void cj_check_nevents(int64 nevents);

/* ---- untrusted bytes (validate.c) ---- */

/*
 * Checks a body completely and gives the journey, names converted from the
 * client's encoding to the server's if "convert"; any fault is error 22P03.
 */
extern CjJourney *cj_validate(const uint8 *body, Size size, bool convert);

/* ---- text (text.c, lexicon.c) ---- */

extern char *cj_journey_to_text(const CjView *view);

/* NULL if a soft error was recorded in escontext. */
extern CjJourney *cj_journey_from_text(const char *input, Node *escontext);

/* Appends name as the lexicon prints it: plain if it is a plain word, else in double quotes. */
extern void cj_append_name(StringInfo to, CjText name);

/* Appends the shortest text that reads back to the same float8. */
extern void cj_append_value(StringInfo to, double value);

/* Appends the time as ISO text in UTC: 2026-01-01 10:00:00.5+00 */
extern void cj_append_time(StringInfo to, TimestampTz time);

/*
 * Length in bytes of the plain word that starts there (0 if none): letters
 * of any script, digits and _, with single - . : / between two of these.  In
 * encodings other than UTF-8 every character above ASCII counts as a letter.
 */
extern int	cj_plain_word(const char *word, const char *end);

/* Is the word, or the whole name, one of the pattern language's keywords? */
extern bool cj_is_keyword(const char *word, int len);

/*
 * Reads a quoted name (double or single quotes, a doubled quote stands for
 * itself) that starts at *input; on success *input is past it.  False if it does
 * not end.  The name is palloc'd when it holds doubled quotes.
 */
extern bool cj_quoted_name(const char **input, const char *end, CjText *name);

typedef enum CjTimeSyntax
{
	CJ_TIME_OK,
	CJ_TIME_MALFORMED,			/* not a time at all */
	CJ_TIME_FIELD,				/* a field out of range, such as month 13 */
	CJ_TIME_RANGE,				/* outside what timestamptz holds */
	CJ_TIME_NO_ZONE				/* offset missing though required */
} CjTimeSyntax;

/*
 * Reads an ISO time at *input: date, then optionally time of day, fraction,
 * offset (Z, +hh, +hh:mm, +hh:mm:ss) and BC.  Without an offset the time is
 * UTC, or CJ_TIME_NO_ZONE if zone_required.  On success *input is past it, else
 * at the fault.  Independent of every setting.
 */
extern CjTimeSyntax cj_parse_time(const char **input, const char *end,
								  bool zone_required, TimestampTz *time);

/* ---- closed operations (algebra.c) ---- */

/* Events [from, to) */
extern CjJourney *cj_slice(const CjView *view, int32 from, int32 to);

/* The events whose keep flag is set. */
extern CjJourney *cj_select(const CjView *view, const bool *keep);
extern CjJourney *cj_concat(const CjView *a, const CjView *b);
extern CjJourney *cj_subtract(const CjView *a, const CjView *b);
extern CjJourney *cj_distinct(const CjView *view);
extern CjJourney *cj_collapse(const CjView *view);
extern CjJourney *cj_rename(const CjView *view, const CjText *from, const CjText *to, int count);

/* The journey without events. */
extern CjJourney *cj_empty(void);

/* Decodes event i with codes of the view's own names. */
extern void cj_get_event(const CjView *view, int32 i, CjEvent *event);

#endif							/* CJ_JOURNEY_H */
