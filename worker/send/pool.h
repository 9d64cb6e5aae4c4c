/*
 * pool.h - send mails: connections per account, kept for the next message, never shared across
 * accounts.
 *
 * A connection belongs to (tenant, account, account version). It is used for at most 100 messages,
 * kept idle up to the account's ttl, at most as many at once for the account as allowed() says and
 * GMP_WORKER_CONNECTIONS altogether. A reused connection that proves dead before DATA is replaced
 * at once, within the same attempt.
 *
 * An account that is not proven (claim_account.proven) is tried over one connection; the rest
 * follow when that stands. See contact.h.
 */
#ifndef WORKER_SEND_POOL_H
#define WORKER_SEND_POOL_H

#include "common/config.h"
#include "common/secret.h"
#include "worker/authorize/keeper.h"
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
/* How many connections the account may have. */
typedef uint32_t send_allowed_fn(void *arg, const char *tenant_id, const char *account_id);
/* The account's relay, which was not proven, has let us in; or one that was has failed us or keeps
 * us waiting. Called from within other calls: it must not call the pool. */
typedef void send_proved_fn(void *arg, const char *tenant_id, const char *account_id, bool proven);

struct send_calls {
    void *arg;
    send_may_finish_fn *may_finish;
    send_allowed_fn *allowed;
    send_proved_fn *proved;
};

enum err send_pool_new(struct event_loop *loop, struct transfers *transfers,
                       const struct config *config, const struct secret_ring *keys,
                       struct keeper *keeper, const struct send_calls *calls,
                       struct send_pool **ret, struct error *err) MUST_CHECK;
/* Says QUIT on idle connections and closes all; mails still under way are dropped without `done`.
 */
void send_pool_free(struct send_pool *pool);

/* Send `mail` through `claim->account`. Both borrowed until `done`, which is called once, never
   from inside this call (ERR_NOMEM: never at all). Waits for a connection by priority,
   then in the order of the calls. When its account is a newer version than before, those that wait
   end from inside this call, untried: they are claimed again as the account is now. */
enum err send_pool_send(struct send_pool *pool, const struct claim *claim, const struct mail *mail,
                        send_done_fn *done, void *arg, struct error *err) MUST_CHECK;
/* Connections to the account's relay that stand or are being made; with close_idle, without the
 * idle ones, which are closed. */
uint32_t send_pool_connections(struct send_pool *pool, const char *tenant_id,
                               const char *account_id, bool close_idle);
void send_pool_close_idle(struct send_pool *pool);
/* While paused no mail is begun; those under way go on. */
void send_pool_pause(struct send_pool *pool, bool paused);
/* Is this mail meant? */
typedef bool send_choose_fn(void *arg, const struct claim *claim);
/* Those chosen that wait for a connection, or for one to stand, end at once, untried:
 * transcript_is_void(). One that is under way goes on, but is not begun again on another connection
 * when its own proves dead. */
void send_pool_withdraw(struct send_pool *pool, send_choose_fn *chooses, void *arg);

#endif
