/*
 * insert.h - store the valid drafts of one request, in one transaction.
 */
#ifndef SERVER_INTAKE_INSERT_H
#define SERVER_INTAKE_INSERT_H

#include "common/db.h"
#include "server/intake/draft.h"
#include "server/transaction.h"

/*
 * Store every open draft; afterwards each is DRAFT_STORED or DRAFT_TAKEN (`already sent`, `being
 * sent`), and the transaction is committed. Call insert_settle_doubles() before. ERR_DB_RETRY: a
 * race was lost for good, most likely an account was just deleted: look the accounts up again. On
 * any error nothing is stored and the drafts are open as before. `also` (NULL: nothing) is run last
 * in the same transaction, with `arg`.
 */
enum err insert_drafts(struct db_conn *db, struct draft_batch *batch, transaction_fn *also,
                       void *arg, struct error *err) MUST_CHECK;

/* The same id twice in one request: the last one wins, the others are DRAFT_SUPERSEDED. */
enum err insert_settle_doubles(struct draft_batch *batch, struct error *err) MUST_CHECK;

#endif
