/*-------------------------------------------------------------------------
 *
 * generate.c
 *		Prints customer events as CSV, the same bytes for the same arguments.
 *
 *		generate EVENTS CUSTOMERS SEED > events.csv
 *
 * Columns: customer_id, occurred_at (UTC), event, channel, value (empty where
 * there is none).  What the data look like:
 *
 *	- Every customer has at least one event; the others are shared out by a
 *	  Lomax (Pareto II) distribution of shape 2.  With 20 events a customer on
 *	  average half of them have 8 or fewer, and the largest of 500,000 some
 *	  thousands.
 *	- Customers come in sessions of 5 events on average, spread over 90 days;
 *	  inside a session events follow a Markov chain of 12 names, seconds to
 *	  minutes apart, mostly on one of 5 channels.  Times have microseconds.
 *	- Nine purchases of ten carry a value with two decimals.
 *	- About 1 event in 2,000 has the very instant of the customer's event
 *	  before it.  Such ties never touch a customer's first or last instant, and
 *	  there are no others.
 *	- Rows come in order of arrival: mostly that of occurrence, but 1 row in 50
 *	  is up to six hours late.
 *
 * Only integers and IEEE square roots and divisions are used, so that the
 * result does not depend on the machine; compile with -ffp-contract=off.
 * Facts about the data go to standard error as "name value" lines.
 *
 * Cost: O(events) time; 48 bytes of memory an event, for the sort.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND		INT64_C(1000000)
#define DAY			(86400 * SECOND)
#define DAYS		90
#define NAMES		12
#define CHANNELS	5
#define SESSION_LENGTH	5		/* on average */
#define TIE_EVERY	2000
#define LATE_EVERY	50
#define LATE_MAX	(6 * 3600)	/* seconds */

enum
{
	VIEW, SEARCH, CART, PURCHASE, LOGIN, WISHLIST, REVIEW, SHARE, SIGNUP, COMPLAINT,
	REFUND, UNSUBSCRIBE
};

static const char *const event_name[NAMES] = {
	"view", "search", "cart", "purchase", "login", "wishlist", "review", "share", "signup",
	"complaint", "refund", "unsubscribe"
};

enum
{
	WEB, APP, STORE, EMAIL, CALL_CENTER
};

static const char *const channel_name[CHANNELS] = {
	"web", "app", "store", "email", "call_center"
};

/* Which event opens a session, and which follows which: weights, 100 a row. */
static const uint8_t opening[NAMES] = {46, 22, 2, 1, 20, 1, 1, 1, 2, 3, 0, 1};

static const uint8_t following[NAMES][NAMES] = {
	/* view */ {45, 16, 20, 2, 2, 8, 2, 3, 1, 1, 0, 0},
	/* search */ {62, 22, 6, 1, 2, 4, 0, 1, 1, 1, 0, 0},
	/* cart */ {24, 8, 20, 36, 6, 4, 0, 0, 1, 1, 0, 0},
	/* purchase */ {30, 12, 6, 3, 4, 4, 16, 10, 1, 9, 4, 1},
	/* login */ {50, 28, 8, 2, 3, 4, 1, 1, 0, 2, 0, 1},
	/* wishlist */ {46, 18, 18, 2, 2, 9, 1, 3, 0, 1, 0, 0},
	/* review */ {46, 22, 6, 1, 4, 5, 4, 8, 0, 3, 0, 1},
	/* share */ {50, 22, 8, 2, 3, 6, 3, 5, 0, 1, 0, 0},
	/* signup */ {48, 28, 6, 1, 12, 3, 0, 2, 0, 0, 0, 0},
	/* complaint */ {22, 10, 2, 1, 8, 1, 4, 1, 0, 24, 22, 5},
	/* refund */ {38, 18, 6, 2, 8, 3, 6, 2, 0, 12, 2, 3},
	/* unsubscribe */ {40, 20, 2, 1, 20, 1, 2, 1, 1, 10, 1, 1}
};

static const uint8_t favourite[CHANNELS] = {42, 36, 12, 7, 3};

typedef struct Row
{
	int64_t		arrival;		/* microseconds since the first day */
	uint32_t	customer;
	uint32_t	cents;			/* 0: no value */
	uint16_t	late;			/* seconds from occurrence to arrival */
	uint8_t		event;
	uint8_t		channel;
} Row;

typedef struct Facts
{
	int64_t		with_20_events;
	int64_t		longest;
	int64_t		tied;
	int64_t		late;
	int64_t		valued;
} Facts;

/* ---- random numbers: splitmix64, one stream a customer ---- */

static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
next(uint64_t *state)
{
	return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t
stream(uint64_t seed, uint64_t customer)
{
	return mix(mix(seed + 1) ^ (customer * UINT64_C(0xd1342543de82ef95)));
}

/* 0 .. limit - 1; the bias is below limit / 2^32 */
static uint32_t
below(uint64_t *state, uint32_t limit)
{
	return (uint32_t) (((next(state) >> 32) * limit) >> 32);
}

static uint8_t
weighted(uint64_t *state, const uint8_t *weights, int count)
{
	int			left = (int) below(state, 100);
	int			i;

	for (i = 0; i < count - 1 && left >= weights[i]; i++)
		left -= weights[i];
	return (uint8_t) i;
}

/* ---- how many events each customer has ---- */

/* A customer's weight, from its own stream: Lomax of shape 2. */
static double
lomax(uint64_t seed, uint64_t customer)
{
	uint64_t	state = stream(seed ^ UINT64_C(0x5eed), customer);
	double		u = ((double) (next(&state) >> 11) + 0.5) / 9007199254740992.0;

	return 1.0 / sqrt(u) - 1.0;
}

/* One event each; the rest is cut at the running sums of the weights. */
static uint32_t *
share_out(int64_t events, int64_t customers, uint64_t seed)
{
	uint32_t   *count = malloc(sizeof(uint32_t) * customers);
	double		total = 0;
	double		sum = 0;
	int64_t		given = 0;

	if (count == NULL)
		return NULL;
	for (int64_t i = 0; i < customers; i++)
		total += lomax(seed, i);
	for (int64_t i = 0; i < customers; i++)
	{
		int64_t		upto;

		sum += lomax(seed, i);
		upto = i == customers - 1 ? events - customers :
			(int64_t) ((double) (events - customers) * (sum / total));
		count[i] = (uint32_t) (1 + upto - given);
		given = upto;
	}
	return count;
}

/* ---- one customer ---- */

static int
by_time(const void *a, const void *b)
{
	const Row  *x = a;
	const Row  *y = b;

	return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

/* Seconds to minutes between two events: a width doubled at every tail thrown. */
static int64_t
pause(uint64_t *state)
{
	uint64_t	coins = next(state) | 0x80;
	int64_t		width = 16 * SECOND;

	while (!(coins & 1))
	{
		coins >>= 1;
		width *= 2;
	}
	return SECOND / 2 + (int64_t) below(state, (uint32_t) (width / 2)) * 2 + (next(state) & 1);
}

static uint8_t
pick_channel(uint64_t *state, uint8_t event, uint8_t usual)
{
	if (event == COMPLAINT && below(state, 10) < 7)
		return CALL_CENTER;
	return below(state, 20) == 0 ? weighted(state, favourite, CHANNELS) : usual;
}

static void
make_sessions(Row *row, uint32_t n, uint64_t *state)
{
	uint8_t		usual = weighted(state, favourite, CHANNELS);
	uint8_t		here = usual;
	uint8_t		event = VIEW;
	int64_t		time = 0;
	uint32_t	left = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		if (left == 0)
		{
			left = 1 + below(state, 2 * SESSION_LENGTH - 1);
			time = (int64_t) (next(state) % (uint64_t) (DAYS * DAY - DAY / 4));
			event = weighted(state, opening, NAMES);
			here = below(state, 10) < 7 ? usual : weighted(state, favourite, CHANNELS);
		}
		else
		{
			time += pause(state);
			event = weighted(state, following[event], NAMES);
		}
		left--;
		row[i].arrival = time;
		row[i].event = event;
		row[i].channel = pick_channel(state, event, here);
	}
}

/* Times in order, without ties but those wanted. */
static int64_t
settle_times(Row *row, uint32_t n, uint64_t *state)
{
	int64_t		tied = 0;

	qsort(row, n, sizeof(Row), by_time);
	for (uint32_t i = 1; i < n; i++)
	{
		if (i >= 2 && i + 2 <= n && below(state, TIE_EVERY) == 0)
		{
			row[i].arrival = row[i - 1].arrival;
			tied++;
		}
		else if (row[i].arrival <= row[i - 1].arrival)
			row[i].arrival = row[i - 1].arrival + 1;
	}
	return tied;
}

static void
make_customer(Row *row, uint32_t customer, uint32_t n, uint64_t seed, Facts *facts)
{
	uint64_t	state = stream(seed, customer);

	make_sessions(row, n, &state);
	facts->tied += settle_times(row, n, &state);
	for (uint32_t i = 0; i < n; i++)
	{
		row[i].customer = customer + 1;
		row[i].cents = 0;
		row[i].late = 0;
		if (row[i].event == PURCHASE && below(&state, 10) != 0)
		{
			row[i].cents = 499 + below(&state, 2000) * (1 + below(&state, 20));
			facts->valued++;
		}
		if (below(&state, LATE_EVERY) == 0)
		{
			row[i].late = (uint16_t) (1 + below(&state, LATE_MAX));
			row[i].arrival += row[i].late * SECOND;
			facts->late++;
		}
	}
	facts->with_20_events += n == 20;
	if (n > facts->longest)
		facts->longest = n;
}

/* ---- order of arrival: stable radix sort, 4 times 11 bits ---- */

static void
sort_by_arrival(Row *row, Row *spare, int64_t n)
{
	for (int shift = 0; shift < 44; shift += 11)
	{
		static int64_t start[2048];
		int64_t		sum = 0;
		Row		   *swap = row;

		memset(start, 0, sizeof(start));
		for (int64_t i = 0; i < n; i++)
			start[(row[i].arrival >> shift) & 2047]++;
		for (int i = 0; i < 2048; i++)
		{
			int64_t		count = start[i];

			start[i] = sum;
			sum += count;
		}
		for (int64_t i = 0; i < n; i++)
			spare[start[(row[i].arrival >> shift) & 2047]++] = row[i];
		row = spare;
		spare = swap;
	}
}

/* ---- CSV ---- */

static char *
put_number(char *to, uint64_t number, int digits)
{
	char		text[20];
	int			n = 0;

	do
	{
		text[n++] = (char) ('0' + number % 10);
		number /= 10;
	} while (number > 0 || n < digits);
	while (n > 0)
		*to++ = text[--n];
	return to;
}

static char *
put_text(char *to, const char *text)
{
	size_t		n = strlen(text);

	memcpy(to, text, n);
	return to + n;
}

/* Day d after 2026-01-01; the rows end in April. */
static char *
put_date(char *to, int d)
{
	static const int length[] = {31, 28, 31, 30};
	int			month = 0;

	while (d >= length[month])
		d -= length[month++];
	to = put_text(to, "2026-");
	to = put_number(to, month + 1, 2);
	*to++ = '-';
	return put_number(to, d + 1, 2);
}

static char *
put_row(char *to, const Row *row)
{
	int64_t		time = row->arrival - row->late * SECOND;
	int64_t		second = time % DAY / SECOND;

	to = put_number(to, row->customer, 1);
	*to++ = ',';
	to = put_date(to, (int) (time / DAY));
	*to++ = ' ';
	to = put_number(to, second / 3600, 2);
	*to++ = ':';
	to = put_number(to, second / 60 % 60, 2);
	*to++ = ':';
	to = put_number(to, second % 60, 2);
	*to++ = '.';
	to = put_number(to, time % SECOND, 6);
	*to++ = ',';
	to = put_text(to, event_name[row->event]);
	*to++ = ',';
	to = put_text(to, channel_name[row->channel]);
	*to++ = ',';
	if (row->cents > 0)
	{
		to = put_number(to, row->cents / 100, 1);
		*to++ = '.';
		to = put_number(to, row->cents % 100, 2);
	}
	*to++ = '\n';
	return to;
}

static int
print_rows(const Row *row, int64_t n)
{
	static char buffer[1 << 20];
	char	   *to = buffer;

	for (int64_t i = 0; i < n; i++)
	{
		if (to > buffer + sizeof(buffer) - 256)
		{
			if (fwrite(buffer, 1, to - buffer, stdout) != (size_t) (to - buffer))
				return 0;
			to = buffer;
		}
		to = put_row(to, &row[i]);
	}
	return fwrite(buffer, 1, to - buffer, stdout) == (size_t) (to - buffer) && fflush(stdout) == 0;
}

int
main(int argc, char **argv)
{
	int64_t		events = argc == 4 ? atoll(argv[1]) : 0;
	int64_t		customers = argc == 4 ? atoll(argv[2]) : 0;
	uint64_t	seed = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	Facts		facts = {0};
	uint32_t   *count;
	Row		   *row;
	Row		   *spare;
	int64_t		at = 0;

	if (customers < 1 || events < customers || customers > UINT32_MAX / 2)
	{
		fprintf(stderr, "usage: generate EVENTS CUSTOMERS SEED, with EVENTS >= CUSTOMERS >= 1\n");
		return 2;
	}
	count = share_out(events, customers, seed);
	row = malloc(sizeof(Row) * events);
	spare = malloc(sizeof(Row) * events);
	if (count == NULL || row == NULL || spare == NULL)
	{
		fprintf(stderr, "generate: out of memory\n");
		return 1;
	}
	for (int64_t i = 0; i < customers; i++)
	{
		make_customer(row + at, (uint32_t) i, count[i], seed, &facts);
		at += count[i];
	}
	sort_by_arrival(row, spare, events);
	if (!print_rows(row, events))
	{
		perror("generate");
		return 1;
	}
	fprintf(stderr, "events %" PRId64 "\ncustomers %" PRId64 "\ncustomers_with_20_events %" PRId64
			"\nlongest_journey %" PRId64 "\ntied_events %" PRId64 "\nlate_rows %" PRId64
			"\nrows_with_value %" PRId64 "\n", events, customers, facts.with_20_events,
			facts.longest, facts.tied, facts.late, facts.valued);
	return 0;
}
