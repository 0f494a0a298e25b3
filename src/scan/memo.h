/*-------------------------------------------------------------------------
 *
 * memo.h
 *		Conditions on one column, evaluated once for each of its values.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_SCAN_MEMO_H
#define CJ_SCAN_MEMO_H

#include "nodes/execnodes.h"

#define CJ_MEMO_MAX		32		/* conditions a word tells of */

/* Two bits a condition, from the lowest: that it holds, and that it is NULL. */
#define CJ_MEMO_HOLDS	UINT64CONST(0x5555555555555555)

typedef struct CjMemo CjMemo;

/* For a column of the slots that will be given, from 0, and expressions of it alone. */
extern CjMemo *cj_memo_create(AttrNumber column, Form_pg_attribute attribute,
							  ExprState **conditions, int count);

/* What was found out is forgotten: parameters may have changed. */
extern void cj_memo_reset(CjMemo *memo);

extern uint64 cj_memo_word(CjMemo *memo, TupleTableSlot *slot, ExprContext *econtext);

#endif							/* CJ_SCAN_MEMO_H */
