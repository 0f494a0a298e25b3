/*-------------------------------------------------------------------------
 *
 * journey_fuzz.c
 *		Hostile bytes and texts against the journey kernel.
 *
 * Input is either a body, as recv gets it, or a text, as the input function
 * gets it; it lies in a malloc of exactly its size.  Whatever is accepted must
 * then behave: every event is read, every operation run, and their laws hold,
 * byte for byte.  A law that fails aborts, as a sanitizer does.
 *
 * Two ways to run it (test/tools/fuzz.sh does both):
 *
 *	- journey_fuzz RUNS [SEED]: own mutation of generated journeys, texts and
 *	  noise; prints what was tried and what was accepted.  With a directory as
 *	  third argument it only writes RUNS unharmed inputs there, to start from.
 *	- linked with libFuzzer (-DWITH_LIBFUZZER): coverage guides the mutation.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"

#include "compat.h"
#include "journey/journey.h"

#include "server.h"

/* Low, so that a few bytes that stand for a million events stay quick to read. */
#define MAX_EVENTS		2000
#define MAX_INPUT		4096

#define REQUIRE(law) \
	do { \
		if (!(law)) \
		{ \
			fprintf(stderr, "%s:%d: law broken: %s\n", __FILE__, __LINE__, #law); \
			abort(); \
		} \
	} while (0)

/* What an input may be refused with; anything else, XX000 above all, is a fault. */
static void
check_sqlstate(void)
{
	static const char *const allowed[] = {
		"22P03", "22P02", "22003", "22008", "22001", "22021", "54000"
	};

	for (size_t i = 0; i < lengthof(allowed); i++)
		if (strcmp(server_sqlstate, allowed[i]) == 0)
			return;
	fprintf(stderr, "refused with SQLSTATE %s\n", server_sqlstate);
	abort();
}

/* ---- what must hold of every journey ---- */

static bool
same(const CjJourney *a, const CjJourney *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static CjView
view_of(const CjJourney *journey)
{
	CjView		view;

	cj_view_init(&view, journey);
	return view;
}

static volatile uint32 sink;

/* Touches every byte of a name. */
static void
read_name(CjText name)
{
	REQUIRE(name.len >= 0 && name.len <= CJ_MAX_NAME);
	for (int32 i = 0; i < name.len; i++)
		sink += (unsigned char) name.data[i];
}

static void
check_names(const CjNames *names)
{
	for (int32 i = 0; i < names->count; i++)
	{
		CjText		name = cj_name(names, i);

		read_name(name);
		REQUIRE(cj_find_name(names, name.data, name.len) == i);
		REQUIRE(i == 0 || cj_text_compare(cj_name(names, i - 1), name) < 0);
	}
	REQUIRE(cj_find_name(names, "no such name", 12) == CJ_ABSENT ||
			names->count > 0);
}

static void
check_events(const CjView *view)
{
	for (int32 i = 0; i < view->nevents; i++)
	{
		CjEvent		event;
		double		value = 0;

		cj_get_event(view, i, &event);
		REQUIRE(IS_VALID_TIMESTAMP(event.time));
		REQUIRE(i == 0 || cj_time(view, i - 1) <= event.time);
		REQUIRE(event.event < (uint32) view->events.count);
		REQUIRE(event.channel <= (uint32) view->channels.count);
		REQUIRE(event.item <= (uint32) view->items.count);
		REQUIRE(cj_value(view, i, &value) == (event.has_value != 0));
		REQUIRE(cj_lower_bound(view, event.time) <= i);
		REQUIRE(cj_upper_bound(view, event.time) > i);
	}
}

static CjJourney *
rename_all(const CjView *view)
{
	CjText		from[2] = {{"", 0}, {"b", 1}};
	CjText		to[2] = {{"b", 1}, {"", 0}};

	if (view->events.count > 0)
		from[0] = cj_name(&view->events, 0);
	return cj_rename(view, from, to, 2);
}

/* The operations whose results are known from others. */
static void
check_algebra(const CjJourney *journey, const CjView *view)
{
	int32		n = view->nevents;
	int32		cut = n / 3;
	bool	   *keep = palloc(n + 1);
	bool	   *drop = palloc(n + 1);
	CjView		head = view_of(cj_slice(view, 0, cut));
	CjView		tail = view_of(cj_slice(view, cut, n));
	CjView		part;
	CjView		rest;
	CjView		whole;
	CjJourney  *joined = cj_concat(&tail, &head);

	REQUIRE(same(joined, journey));
	REQUIRE(same(cj_slice(view, 0, n), journey));
	REQUIRE(view_of(cj_subtract(view, view)).nevents == 0);
	for (int32 i = 0; i < n; i++)
	{
		keep[i] = i % 3 == 1;
		drop[i] = !keep[i];
	}
	part = view_of(cj_select(view, keep));
	rest = view_of(cj_select(view, drop));
	whole = view_of(cj_concat(&part, &rest));
	REQUIRE(whole.size == view->size && memcmp(whole.body, view->body, view->size) == 0);
	REQUIRE(same(cj_subtract(&whole, &part), cj_select(view, drop)));

	part = view_of(cj_distinct(view));
	REQUIRE(same(cj_distinct(&part), cj_distinct(view)));
	part = view_of(cj_collapse(view));
	REQUIRE(same(cj_collapse(&part), cj_collapse(view)));
	REQUIRE(view_of(rename_all(view)).nevents == n);
}

/* A body of its own, in a malloc of exactly its size, is valid again. */
static void
check_valid(const CjJourney *journey)
{
	Size		size = VARSIZE_ANY_EXHDR(journey);
	uint8	   *copy = malloc(size);

	memcpy(copy, VARDATA_ANY(journey), size);
	REQUIRE(same(cj_validate(copy, size, false), journey));
	free(copy);
}

static void
check_text(const CjJourney *journey, const CjView *view)
{
	CjJourney  *again = cj_journey_from_text(cj_journey_to_text(view), NULL);

	REQUIRE(again != NULL && same(again, journey));
}

static void
check_journey(const CjJourney *journey)
{
	CjView		view = view_of(journey);
	const uint8 *body = (const uint8 *) VARDATA_ANY(journey);

	REQUIRE(cj_peek_nevents(body) == view.nevents);
	REQUIRE(view.nevents == 0 || cj_peek_start(body) == cj_time(&view, 0));
	check_names(&view.events);
	check_names(&view.channels);
	check_names(&view.items);
	check_events(&view);
	check_algebra(journey, &view);
	check_valid(journey);
	check_text(journey, &view);
}

/* ---- one input ---- */

/* True if accepted.  A law's own error counts as broken: it must not happen. */
static bool
try_body(const uint8 *data, Size size)
{
	static bool accepted;
	CjJourney  *journey;

	accepted = false;
	if (sigsetjmp(server_error, 0) == 0)
	{
		journey = cj_validate(data, size, true);
		accepted = true;
		/* as given, or with names converted, which changes nothing here */
		REQUIRE(VARSIZE_ANY_EXHDR(journey) == size &&
				memcmp(VARDATA_ANY(journey), data, size) == 0);
		check_journey(journey);
	}
	else
	{
		REQUIRE(!accepted);
		check_sqlstate();
	}
	server_reset();
	return accepted;
}

static bool
try_text(const char *text)
{
	static bool accepted;
	CjJourney  *journey;

	accepted = false;
	if (sigsetjmp(server_error, 0) == 0)
	{
		journey = cj_journey_from_text(text, NULL);
		REQUIRE(journey != NULL);
		accepted = true;
		check_journey(journey);
	}
	else
	{
		REQUIRE(!accepted);
		check_sqlstate();
	}
	server_reset();
	return accepted;
}

extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	cj_max_events = MAX_EVENTS;
	if (size > 0 && data[0] == CJ_JOURNEY_VERSION)
	{
		uint8	   *copy = malloc(size);

		memcpy(copy, data, size);
		try_body(copy, size);
		free(copy);
	}
	else if (memchr(data, '\0', size) == NULL)
	{
		char	   *copy = malloc(size + 1);

		memcpy(copy, data, size);
		copy[size] = '\0';
		try_text(copy);
		free(copy);
	}
	return 0;
}

#ifndef WITH_LIBFUZZER

/* ---- generating and mutating ---- */

static uint64 state;

static uint32
pick(uint32 below)
{
	/* splitmix64 */
	uint64		z = (state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return (uint32) (((z ^ (z >> 31)) >> 32) % below);
}

static const char *const some_names[] = {
	"view", "cart", "purchase", "", "a", "within", "AS", "se\xc3\xb1or", "two words",
	"quo\"te", "it's", "a-b.c:d/e", "-", "404", "\xe2\x82\xac", "{", ", ", "@(#)",
	"a name that is longer than most and goes on for a while to widen the ends"
};

static CjText
some_name(uint32 variety)
{
	const char *name = some_names[pick(variety)];
	CjText		text = {name, (int32) strlen(name)};

	return text;
}

static TimestampTz
some_time(int kind)
{
	static const int64 units[] = {1, 1000, 1000000, 60000000, INT64CONST(3600000000), INT64CONST(86400000000)};

	if (kind == 6)				/* the very ends */
		return pick(2) ? MIN_TIMESTAMP + pick(3) : END_TIMESTAMP - 1 - pick(3);
	if (kind == 7)				/* anywhere */
		return (TimestampTz) ((uint64) MIN_TIMESTAMP +
							  ((uint64) pick(UINT32_MAX) << 32 | pick(UINT32_MAX)) %
							  ((uint64) END_TIMESTAMP - (uint64) MIN_TIMESTAMP));
	return INT64CONST(820000000000000) + units[kind] * (int64) pick(40);
}

static double
some_value(void)
{
	static const double values[] = {0.0, -0.0, 1, 59.9, -2.5, 1e300, 4.9e-324, 0.1, INFINITY, -INFINITY, NAN};

	return pick(3) ? (double) pick(100) / 4 : values[pick(lengthof(values))];
}

/* A journey of up to "most" events, through the builder. */
static CjJourney *
some_journey(uint32 most)
{
	static const CjText none = {NULL, 0};
	CjBuilder	builder;
	uint32		n = pick(most + 1);
	int			kind = pick(8);
	uint32		variety = 1 + pick(lengthof(some_names));
	uint32		channels = pick(3);
	uint32		items = pick(3);
	uint32		values = pick(3);

	cj_builder_init(&builder);
	for (uint32 i = 0; i < n; i++)
	{
		double		value = some_value();
		CjText		event = some_name(variety);
		CjText		channel = channels > 0 && pick(channels) == 0 ? some_name(variety) : none;
		CjText		item = items > 0 && pick(items) == 0 ? some_name(variety) : none;

		cj_builder_add(&builder, some_time(kind), event, channel,
					   values > 0 && pick(values) == 0 ? &value : NULL, item);
	}
	return cj_builder_finish(&builder);
}

/* Changes a few bytes, mostly the first ones, where the layout is decided. */
static Size
mutate(uint8 *data, Size size, const char *alphabet)
{
	for (int times = 1 + pick(3); times > 0; times--)
	{
		Size		at = size == 0 ? 0 : pick(pick(2) ? Min(size, 24) : size);
		Size		len = 1 + pick(12);

		switch (pick(7))
		{
			case 0:				/* a bit */
				if (size > 0)
					data[at] ^= 1 << pick(8);
				break;
			case 1:				/* a byte */
				if (size > 0)
					data[at] = alphabet ? alphabet[pick(strlen(alphabet))] : pick(256);
				break;
			case 2:				/* a little more or less */
				if (size > 0)
					data[at] += pick(2) ? 1 : -1;
				break;
			case 3:				/* shorter */
				size -= Min(size, len);
				break;
			case 4:				/* longer */
				for (; len > 0 && size < MAX_INPUT; len--)
					data[size++] = alphabet ? alphabet[pick(strlen(alphabet))] : pick(2) * pick(256);
				break;
			case 5:				/* a stretch left out */
				if (size > 0)
				{
					len = Min(size - at, len);
					memmove(data + at, data + at + len, size - at - len);
					size -= len;
				}
				break;
			case 6:				/* a stretch repeated elsewhere */
				if (size > 0)
				{
					Size		from = pick(size);

					memmove(data + at, data + from, Min(len, size - Max(from, at)));
				}
				break;
		}
	}
	return size;
}

static struct
{
	uint64		tried;
	uint64		accepted;
}			bodies, noise, texts;

static void
run_body(uint8 *work)
{
	CjJourney  *journey = some_journey(pick(8) ? 12 : 300);
	Size		size = Min(VARSIZE_ANY_EXHDR(journey), MAX_INPUT);
	uint8	   *copy;

	memcpy(work, VARDATA_ANY(journey), size);
	server_reset();
	if (pick(16))
		size = mutate(work, size, NULL);
	copy = malloc(size);
	memcpy(copy, work, size);
	bodies.tried++;
	bodies.accepted += try_body(copy, size);
	free(copy);
}

static void
run_noise(void)
{
	Size		size = pick(80);
	uint8	   *data = malloc(size);

	for (Size i = 0; i < size; i++)
		data[i] = pick(2) ? pick(256) : pick(4);
	/* a plausible start, so that what follows is looked at */
	if (size > 4 && pick(8))
	{
		data[0] = CJ_JOURNEY_VERSION;
		data[1] &= 0x7f;
		data[2] %= CJ_TIME_UNITS;
		data[3] %= 65;
	}
	noise.tried++;
	noise.accepted += try_body(data, size);
	free(data);
}

static void
run_text(uint8 *work)
{
	CjJourney  *journey = some_journey(pick(8) ? 6 : 40);
	CjView		view = view_of(journey);
	char	   *text = cj_journey_to_text(&view);
	Size		size = Min(strlen(text), MAX_INPUT);
	char	   *copy;

	memcpy(work, text, size);
	server_reset();
	if (pick(16))
		size = mutate(work, size, pick(2) ? "{}@()#\"', :+-.0123456789ZTeBCabNI\t" : NULL);
	for (Size i = 0; i < size; i++)
		if (work[i] == '\0')
			work[i] = ' ';
	copy = malloc(size + 1);
	memcpy(copy, work, size);
	copy[size] = '\0';
	texts.tried++;
	texts.accepted += try_text(copy);
	free(copy);
}

static void
write_seed(const char *directory, uint64 run)
{
	CjJourney  *journey = some_journey(12);
	CjView		view = view_of(journey);
	char	   *text = cj_journey_to_text(&view);
	bool		body = run % 2 == 0;
	char		path[1024];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/seed-" UINT64_FORMAT, directory, run);
	file = fopen(path, "wb");
	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	fwrite(body ? VARDATA_ANY(journey) : text, 1,
		   body ? VARSIZE_ANY_EXHDR(journey) : strlen(text), file);
	fclose(file);
	server_reset();
}

int
main(int argc, char **argv)
{
	uint8	   *work = malloc(MAX_INPUT + 64);
	uint64		runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	uint64		seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	cj_max_events = MAX_EVENTS;
	for (uint64 run = 0; run < runs; run++)
	{
		state = seed * UINT64CONST(1000003) + run;	/* each run stands for itself */
		if (argc > 3)
		{
			write_seed(argv[3], run);
			continue;
		}
		run_body(work);
		if (run % 4 == 0)
			run_noise();
		run_text(work);
	}
	printf("seed " UINT64_FORMAT "\n", seed);
	printf("mutated bodies: " UINT64_FORMAT " tried, " UINT64_FORMAT " accepted\n", bodies.tried, bodies.accepted);
	printf("random bodies: " UINT64_FORMAT " tried, " UINT64_FORMAT " accepted\n", noise.tried, noise.accepted);
	printf("mutated texts: " UINT64_FORMAT " tried, " UINT64_FORMAT " accepted\n", texts.tried, texts.accepted);
	printf("most memory for one input: %zu kB\n", server_peak / 1024);
	free(work);
	return 0;
}

#endif							/* !WITH_LIBFUZZER */
