/*-------------------------------------------------------------------------
 *
 * fresh.c
 *		Prints what the first touch of memory costs, in nanoseconds a byte: of 1 GB
 *		in large pages, at first, again at once, and again five seconds later.
 *
 * A virtual machine may give memory that is free back to its host, which then has
 * to find and clear it anew.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE	((size_t) 1 << 30)

static double
touch(void)
{
	struct timespec start;
	struct timespec end;
	char	   *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
#ifdef MADV_HUGEPAGE
	(void) madvise(memory, SIZE, MADV_HUGEPAGE);
#endif
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (size_t i = 0; i < SIZE; i += 4096)
		((volatile char *) memory)[i] = 1;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	munmap(memory, SIZE);
	return ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / SIZE;
}

int
main(void)
{
	double		first = touch();
	double		again = touch();

	sleep(5);
	printf("fresh memory, ns a byte: %.2f at first, %.2f again at once, %.2f after 5 s\n",
		   first, again, touch());
	return 0;
}
