/*
 * take.h - when to claim, and how much: never more than this worker can hold.
 *
 * One claim statement is under way at a time. What is held is counted per account, so that no
 * account gets more than its batch_size into one worker's hands; and no more than a few messages
 * until its relay has let the worker in. Accounts that are not proven hold half of what the worker
 * can hold at most; and the more is held, the less a deep account gets beyond the first few.
 * Neither relays that keep it waiting nor slow ones have all of it.
 */
#ifndef WORKER_CLAIM_TAKE_H
#define WORKER_CLAIM_TAKE_H

#include "worker/claim/claim.h"

#include "common/db_async.h"

struct taker;

enum {
    TAKE_FEW = 4 /* messages of an account that is not proven; as in claim_messages */
};

enum {
    TAKE_INLINE_OCTETS = 65536
}; /* contents up to so many octets come with the claim, larger ones when composed */

struct db_array;
struct mark;

struct take_calls {
    void *arg;
    void (*got)(void *arg, struct claim *claim); /* `claim` is owned by the callee */
    /* Connections to the account's relay that stand or are being made; with close_idle, without the
     * idle ones, which are closed. */
    int32_t (*count_connections)(void *arg, const char *tenant_id, const char *account_id,
                                 bool close_idle);
    /* Append the lease token of every claim that is not recorded or handed back yet. */
    void (*list_tokens)(void *arg, struct db_array *tokens);
    /* What was last seen of the database; borrowed. */
    const struct mark *(*seen)(void *arg);
};

enum err take_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                  const struct take_calls *calls, struct taker **ret, struct error *err) MUST_CHECK;
void take_free(struct taker *taker);
void take_set_epoch(struct taker *taker, int64_t epoch); /* 0: claim nothing */
void take_wake(struct taker *taker);                     /* there may be work */
/* Statements may have been lost with the connection: hand back what is leased to us unknown to us.
 */
void take_reconnected(struct taker *taker);
/* How many connections this worker may have for an account, one at least. They are granted by
 * claims, so that all workers together keep to max_connections. */
uint32_t take_connections(const struct taker *taker, const char *tenant_id, const char *account_id);
/* The account's relay has let us in; or it has failed, or keeps us waiting, which other workers
 * are told. */
void take_prove(struct taker *taker, const char *tenant_id, const char *account_id, bool proven);
/* The claim will not be ready for a connection for a while, so that another one of its account may
 * be claimed in its stead; or it is ready now. To be undone before take_release(). */
void take_set_aside(struct taker *taker, const struct claim *claim, bool aside);
/* The claim has left the worker's hands (its result waits to be recorded); the claim stays the
 * caller's. */
void take_release(struct taker *taker, const struct claim *claim);
/* Hand an untried claim back, together with others of this turn; consumes it and does what
 * take_release() does. */
void take_return(struct taker *taker, struct claim *claim);

#endif
