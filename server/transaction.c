/*
 * transaction.c - BEGIN, work, COMMIT, and once more. See transaction.h.
 */
#include "server/transaction.h"

enum { TRANSACTION_TRIES = 4 };

enum err transaction_try(struct db_conn *db, transaction_fn *fn, void *arg, struct error *err)
{
    enum err rc = db_begin(db, err);

    if (!rc)
        rc = fn(db, arg, err);
    if (!rc)
        rc = db_commit(db, err);
    if (rc)
        db_rollback(db);
    return rc;
}

enum err transaction_run(struct db_conn *db, transaction_fn *fn, void *arg, struct error *err)
{
    enum err rc = ERR_DB_RETRY;

    for (int i = 0; i < TRANSACTION_TRIES && rc == ERR_DB_RETRY; i++)
        rc = transaction_try(db, fn, arg, err);
    return rc;
}

enum err transaction_run_one(struct db_conn *db, const struct db_stmt *stmt,
                             const struct db_params *params, PGresult **ret_res, struct error *err)
{
    enum err rc = ERR_DB_RETRY;

    for (int i = 0; i < TRANSACTION_TRIES && rc == ERR_DB_RETRY; i++)
        rc = db_run(db, stmt, params, ret_res, err);
    return rc;
}
