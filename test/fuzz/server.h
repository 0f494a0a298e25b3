/*-------------------------------------------------------------------------
 *
 * server.h
 *		What a fuzzer sees of the server that kernel files believe to run in.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_FUZZ_SERVER_H
#define CJ_FUZZ_SERVER_H

#include <setjmp.h>

/* The C library's own, not the server's replacements. */
#undef printf
#undef fprintf
#undef snprintf
#undef vsnprintf
#undef qsort

/* Where ereport(ERROR) goes; set with sigsetjmp before calling the kernel. */
extern sigjmp_buf server_error;

/* SQLSTATE of the last error, as its five characters. */
extern char server_sqlstate[6];

/* Frees everything palloc'd since the last call: the end of a memory context. */
extern void server_reset(void);

/* Most bytes ever allocated between two resets. */
extern size_t server_peak;

#endif							/* CJ_FUZZ_SERVER_H */
