/*
 * connection.h - a connection to an account's relay: from the name to AUTH by libcurl, octets after
 * that.
 *
 * libcurl's CONNECT_ONLY mode does name resolution, TCP, TLS, the greeting, EHLO, STARTTLS and AUTH
 * without blocking (RFC 5321 3.1-3.2, RFC 3207, RFC 4954), then leaves the connection to its
 * caller. The relay's last reply, not curl's result, decides what a failure means.
 */
#ifndef WORKER_SEND_CONNECTION_H
#define WORKER_SEND_CONNECTION_H

#include "common/config.h"
#include "common/secret.h"
#include "worker/authorize/keeper.h"
#include "worker/claim/claim.h"
#include "worker/send/ehlo.h"
#include "worker/send/policy.h"
#include "worker/transfer.h"

enum { CONNECTION_HELO_OCTETS = 256 };

/* What all connections share; borrowed, but for the name. */
struct connection_room {
    struct event_loop *loop;
    struct transfers *transfers;
    const struct config *config;
    const struct secret_ring *keys;
    struct keeper *keeper;
    char helo[CONNECTION_HELO_OCTETS];
};

struct connection;

/* Why there is no connection; reply.code is 0 unless mishap is MISHAP_NONE, reply.text says it in
 * words. */
struct connection_failure {
    enum phase phase;
    enum mishap mishap;
    struct reply reply;
};

/* `failure` is NULL when the connection stands. The connection may be closed from inside this call.
 */
typedef void connection_open_fn(void *arg, const struct connection_failure *failure);

enum connection_io {
    CONNECTION_IO_OK,
    CONNECTION_IO_AGAIN, /* not now: wait for the descriptor */
    CONNECTION_IO_CUT,
};

/* Seconds that connecting, TLS and each complete reply may take, by the account or the service; 0:
 * RFC 5321 section 4.5.3.2. */
int32_t connection_timeout_s(const struct connection_room *room,
                             const struct claim_account *account);
/* The name to give in EHLO: the setting, else the host's own. */
void connection_set_helo(struct connection_room *room);

/*
 * Start connecting. `account` is borrowed until `done`, or connection_close(). An account that uses
 * OAuth waits for its access token first; one the relay refuses is renewed once, over a second
 * connection. `done` is called once, from the loop,
 * never from inside this call, also for what is found wrong at once (ERR_NOMEM: never at all).
 */
enum err connection_open(const struct connection_room *room, const struct claim_account *account,
                         connection_open_fn *done, void *arg, struct connection **ret,
                         struct error *err) MUST_CHECK;
/* At once and without a word, at any time; `done` is not called any more. NULL is fine. */
void connection_close(struct connection *c);

/* For a connection that stands. */
int connection_fd(const struct connection *c); /* for event_watch(); unwatch it before closing */
const struct ehlo *connection_ehlo(const struct connection *c); /* borrowed */
bool connection_is_tls(const struct connection *c);
/* After CONNECTION_IO_AGAIN call again with the same octets (TLS insists). */
enum connection_io connection_send(struct connection *c, const char *octets, size_t n,
                                   size_t *ret_sent);
enum connection_io connection_recv(struct connection *c, char *octets, size_t room,
                                   size_t *ret_got);

#endif
