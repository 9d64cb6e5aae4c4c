/*
 * pool.h - send mails: connections per account, kept for the next message, never shared across
 * accounts.
 *
 * A connection belongs to (tenant, account, account version). It is used for at most 100 messages,
 * kept idle up to the account's ttl, at most max_connections at once for the account and
 * GMP_WORKER_CONNECTIONS altogether. A reused connection that proves dead before DATA is replaced
 * at once, within the same attempt.
 */
#ifndef WORKER_SEND_POOL_H
#define WORKER_SEND_POOL_H

#include "common/config.h"
#include "common/secret.h"
#include "worker/claim/claim.h"
#include "worker/compose/mail.h"
#include "worker/send/transcript.h"
#include "worker/transfer.h"

struct send_pool;

/* `transcript` is owned by the callee. */
typedef void send_done_fn(void *arg, struct transcript *transcript);
/* Asked right before the final dot would make a message the relay's: false aborts the attempt (the
 * lease is lost). */
typedef bool send_may_finish_fn(void *arg);

struct send_pool_stats {
    uint32_t connections; /* open or opening */
    uint32_t idle;
    uint32_t waiting; /* mails that wait for a connection */
};

enum err send_pool_new(struct event_loop *loop, struct transfers *transfers,
                       const struct config *config, const struct secret_ring *keys,
                       send_may_finish_fn *may_finish, void *may_finish_arg, struct send_pool **ret,
                       struct error *err) MUST_CHECK;
/* Says QUIT on idle connections and closes all; mails still under way are dropped without `done`.
 */
void send_pool_free(struct send_pool *pool);

/* Send `mail` through `claim->account`. Both borrowed until `done`, which is called once, never
   from inside this call (ERR_NOMEM: never at all). Waits for a connection in the order of the
   calls. */
enum err send_pool_send(struct send_pool *pool, const struct claim *claim, const struct mail *mail,
                        send_done_fn *done, void *arg, struct error *err) MUST_CHECK;
void send_pool_read_stats(const struct send_pool *pool, struct send_pool_stats *ret);

#endif
