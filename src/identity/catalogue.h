/*-------------------------------------------------------------------------
 *
 * catalogue.h
 *		The tables of a customer catalogue, as C sees them.
 *
 * Functions that work in the catalogue run with their caller's rights on
 * statements that name every table with its schema; what operators mean is
 * fixed by the search path that the SQL functions set for themselves.  Plans
 * are kept for the session, by the catalogue's schema.
 *
 * Files: catalogue_sql.c (schemas, statements), identify_sql.c (one record),
 * identify_match_sql.c (whose it could be), resolve_sql.c (all records).
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_IDENTITY_CATALOGUE_H
#define CJ_IDENTITY_CATALOGUE_H

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "storage/itemptr.h"

#include "identity/model.h"

typedef enum CjStatement
{
	CJ_GET_SETTINGS,
	CJ_GET_MODEL,
	CJ_FIND_SUPPRESSED,
	CJ_LOCK_RECORD,
	CJ_FIND_SAME_IDENTIFIER,
	CJ_FIND_SAME_KEY,
	CJ_GET_CANDIDATES,
	CJ_COUNT_RECORDS,
	CJ_FIND_LIMIT,
	CJ_MERGE_OLDEST,
	CJ_NEW_CUSTOMER,
	CJ_LOCK_CUSTOMER,
	CJ_NEW_RECORD,
	CJ_CHANGE_RECORD,
	CJ_DELETE_IDENTIFIERS,
	CJ_DELETE_KEYS,
	CJ_NEW_IDENTIFIERS,
	CJ_NEW_KEYS,
	CJ_NEW_EVIDENCE,
	CJ_NEW_REVIEW,
	CJ_NEW_NOTE,
	CJ_STATEMENTS
} CjStatement;

typedef struct CjCatalogue
{
	NameData	schema;
	Oid			extension_schema;
	Oid			record_table;	/* another one: the catalogue was made anew */
	SPIPlanPtr	plan[CJ_STATEMENTS];

	/* the active model, as of this version of its row */
	CjSite		site;
	TransactionId model_xmin;
	ItemPointerData model_place;
} CjCatalogue;

/*
 * The catalogue that customer_journey.catalogue names; error 42P01 if there is
 * none.  "function" is any function of the extension.
 */
extern CjCatalogue *cj_catalogue_open(Oid function);

/* "sql" with @ for the catalogue's schema and # for the extension's; palloc'd. */
extern char *cj_catalogue_sql(const CjCatalogue *catalogue, const char *sql);

/* Runs a statement; rows are in SPI_tuptable, their number is returned. */
extern uint64 cj_catalogue_run(CjCatalogue *catalogue, CjStatement statement,
							   const Datum *values, const char *nulls);

/* The engine of the active model in this version of its row, its records taken out. */
extern CjSite *cj_catalogue_site(CjCatalogue *catalogue, TransactionId xmin,
								 ItemPointer place);

/* Forgets the engine: its model is about to change. */
extern void cj_catalogue_forget_site(CjCatalogue *catalogue);

/* A column of a row that a statement returned; for texts a C string or NULL. */
extern Datum cj_row_datum(uint64 row, int column, bool *isnull);
extern char *cj_row_text(uint64 row, int column);

/* Arrays for statements' arguments. */
extern Datum cj_texts_datum(const char *const *texts, int n);
extern Datum cj_bigints_datum(const int64 *numbers, int64 n);

/* ---- JSON, built as text (catalogue_sql.c) ---- */

extern void cj_json_string(StringInfo json, const char *value);
extern void cj_json_strings(StringInfo json, const char *const *values, int n);
extern Datum cj_json_datum(const char *json);

/* ---- whose a record could be (identify_match_sql.c) ---- */

#define CJ_MATCHES	64

typedef struct CjIdentifier
{
	char	   *name;
	char	   *value;			/* normalised, or as given where it is none */
	bool		active;
	bool		demoted;
	int32		priority;
	int32		most;			/* customers that may share a value */
} CjIdentifier;

typedef struct CjMatch
{
	char	   *canonical;
	char	   *home;			/* the customer of the record that was met */
	int64		record;
	const char *kind;			/* an identifier's name, or "model" */
	double		weight;
} CjMatch;

/* A record on its way into the catalogue. */
typedef struct CjNewRecord
{
	CjCatalogue *catalogue;
	Datum		source;
	Datum		source_key;
	Datum		attributes;
	char	   *source_text;
	char	   *key_text;

	/* settings */
	int32		max_records;
	int32		candidate_limit;
	bool		has_suppressed;
	bool		has_limits;
	bool		has_model;
	TransactionId model_xmin;
	ItemPointerData model_place;

	CjIdentifier *identifier;
	int			nidentifiers;
	int			nactive;
	int64		key[CJ_MAX_RULES];
	int			nkeys;

	/* the same record as it is in the catalogue; 0 if it is not */
	int64		record_id;
	char	   *home;
	char	   *canonical;
	Datum		old_keys;

	CjMatch    *match;
	int			nmatches;
	int			match_room;
} CjNewRecord;

/* Reads the settings and what identifies the record. */
extern void cj_new_record_read(CjNewRecord *record);

/* Customers that share an identifier, else those that look alike, best first. */
extern void cj_new_record_match(CjNewRecord *record);

#endif							/* CJ_IDENTITY_CATALOGUE_H */
