/*
 * transaction.h - run some statements as one transaction, again when it lost a race.
 */
#ifndef SERVER_TRANSACTION_H
#define SERVER_TRANSACTION_H

#include "common/db.h"

/* Runs between BEGIN and COMMIT; must start from scratch when it is called again. */
typedef enum err transaction_fn(struct db_conn *db, void *arg, struct error *err);

enum err transaction_try(struct db_conn *db, transaction_fn *fn, void *arg,
                         struct error *err) MUST_CHECK; /* once */
/* At most 4 times while fn or the commit ends with ERR_DB_RETRY. Any error leaves nothing behind.
 */
enum err transaction_run(struct db_conn *db, transaction_fn *fn, void *arg,
                         struct error *err) MUST_CHECK;
/* One statement as a transaction of its own, run again in the same way. As db_run() otherwise. */
enum err transaction_run_one(struct db_conn *db, const struct db_stmt *stmt,
                             const struct db_params *params, PGresult **ret_res,
                             struct error *err) MUST_CHECK;

#endif
