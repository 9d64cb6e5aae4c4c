/*
 * keeper.h - an access token at hand before a session opens (RFC 6749, RFC 6750).
 *
 * A token lives in the database, sealed, for all workers; account_token's row is the only cache. A
 * worker that finds it due asks the account's token endpoint under a lease, so that one of them
 * asks at a time, and a minute before it expires. Nothing here waits for anything but the loop.
 */
#ifndef WORKER_AUTHORIZE_KEEPER_H
#define WORKER_AUTHORIZE_KEEPER_H

#include "common/db_async.h"
#include "common/event.h"
#include "common/secret.h"
#include "worker/claim/claim.h"
#include "worker/http_client.h"

struct keeper;
struct keeper_wait; /* one question */

enum keeper_end {
    KEEPER_TOKEN,
    KEEPER_NONE,    /* the account's fault, or its endpoint's: `why` says it */
    KEEPER_CHANGED, /* the account is another by now: claim the message again */
};

struct keeper_answer {
    enum keeper_end end;
    const char *token; /* KEEPER_TOKEN: a secret, borrowed for the call */
    int64_t serial;    /* KEEPER_TOKEN: which one it is; 0: nothing can renew it */
    const char *why;   /* KEEPER_NONE: borrowed for the call */
};
typedef void keeper_done_fn(void *arg, const struct keeper_answer *answer);

/* All borrowed. */
enum err keeper_new(struct event_loop *loop, struct db_async *db, struct http_client *http,
                    const struct secret_ring *keys, struct keeper **ret,
                    struct error *err) MUST_CHECK;
void keeper_free(struct keeper *keeper); /* nobody waits any more; the database is closed */

/*
 * Ask for the account's token; `refused` is the serial of one that its relay would not have, 0:
 * none. `done` is called once, from the loop, never from inside this call. *ret is valid until
 * then. ERR_NOMEM.
 */
enum err keeper_ask(struct keeper *keeper, const struct claim_account *account, int64_t refused,
                    keeper_done_fn *done, void *arg, struct keeper_wait **ret,
                    struct error *err) MUST_CHECK;
void keeper_cancel(struct keeper_wait *wait); /* `done` is not called any more; NULL is fine */

#endif
