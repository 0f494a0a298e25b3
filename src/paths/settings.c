/*-------------------------------------------------------------------------
 *
 * settings.c
 *		Settings that bound the memory of path mining.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "paths/paths.h"

static int	path_memory = 1024 * 1024;	/* kB */
int			cj_max_patterns = 1000000;

void
cj_paths_init(void)
{
	DefineCustomIntVariable("customer_journey.path_memory",
							"Sets the memory that one call of a path aggregate may take.",
							"top_paths, mine_paths, contrast_paths and the like stop with an "
							"error that says so when they would need more.",
							&path_memory,
							1024 * 1024,
							64,
							MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("customer_journey.max_patterns",
							"Sets how many frequent patterns mining may find.",
							"More are an error that says so, for they would take long and "
							"nobody reads them.",
							&cj_max_patterns,
							1000000,
							1,
							100000000,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);
}

void
cj_check_path_memory(Size size, const char *function, const char *advice)
{
	if (size / 1024 > (Size) path_memory)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s needs more memory than customer_journey.path_memory allows", function),
				 errdetail("The limit is %d kB.", path_memory),
				 errhint("%s customer_journey.path_memory.", advice)));
}
