/*
 * insert.h - store valid drafts in one transaction.
 */
#ifndef SERVER_INTAKE_INSERT_H
#define SERVER_INTAKE_INSERT_H

#include "common/db.h"
#include "server/intake/draft.h"
#include "server/transaction.h"

/* The open drafts of one request, or of several. */
struct insert_list {
    struct draft **drafts; /* owned; the drafts are not */
    size_t count;
};

enum err insert_list_add(struct insert_list *list, struct draft_batch *batch,
                         struct error *err) MUST_CHECK; /* those that are open */
void insert_list_clear(struct insert_list *list);

struct insert_job {
    const struct insert_list *list;
    transaction_fn *also; /* run last in the same transaction, with `arg`; NULL: nothing */
    void *arg;
    /* How long to wait for the lock of another transaction before all of it is given up with
     * ERR_DB_RETRY, at the first try; 0: as long as it takes, and a few more tries. */
    int64_t lock_timeout_ms;
};

/*
 * Store every draft of the list; afterwards each is DRAFT_STORED or DRAFT_TAKEN (`already sent`,
 * `being sent`), and the transaction is committed. Call insert_settle_doubles() before.
 * ERR_DB_RETRY: a race was lost for good, most likely an account was just deleted: look the
 * accounts up again. On any error nothing is stored and the drafts are open as before.
 */
enum err insert_drafts(struct db_conn *db, const struct insert_job *job,
                       struct error *err) MUST_CHECK;

/* The same id twice in one request: the last one wins, the others are DRAFT_SUPERSEDED. */
enum err insert_settle_doubles(struct draft_batch *batch, struct error *err) MUST_CHECK;

#endif
