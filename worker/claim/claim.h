/*
 * claim.h - take the messages that are due, under a lease.
 *
 * A claim is the right to make one attempt. It ends by recording that attempt (record/batch.h) or
 * by its worker's death (sweep/sweep.h), after which any worker may claim the message again:
 * delivery is at least once, never at most once.
 */
#ifndef WORKER_CLAIM_CLAIM_H
#define WORKER_CLAIM_CLAIM_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

/* How to reach the relay; a copy of the account's row at the time of the claim. */
struct claim_account {
    char *tenant_id;
    char *account_id;
    int64_t version;
    char *host;
    int32_t port;
    char *user;                     /* NULL: no AUTH */
    unsigned char *password_sealed; /* opened by the session just before AUTH */
    size_t password_octets;
    char *password_key_id;
    bool proven;     /* its relay has let a worker in, and it has not failed since */
    bool uses_oauth; /* AUTH with an access token (authorize/keeper.h), instead of the password */
    bool use_tls;    /* null already resolved: TLS exactly on port 465 */
    bool tls_verify;
    char *tls_ca;                         /* PEM; NULL: the service's */
    char *tls_pin;                        /* sha256//...; NULL: none */
    char *tls_client_cert;                /* PEM; NULL: none */
    unsigned char *tls_client_key_sealed; /* opened just before the handshake */
    size_t tls_client_key_octets;
    char *tls_client_key_key_id;
    char *dsn_notify;  /* "FAILURE,DELAY": NOTIFY of RFC 3461; NULL: not asked for */
    char *dsn_ret;     /* "FULL" or "HDRS"; NULL: not asked for */
    int32_t timeout_s; /* 0: the service's */
    int32_t ttl_s;
    int32_t connections; /* granted to this worker so far */
    int32_t batch_size;
};

/* How to reach the tenant's own web server, for attachments in endpoint mode. */
struct claim_tenant {
    char *base_url; /* NULL: none */
    bool base_url_trusted;
    char *attachment_path;   /* NULL: the default */
    char *large_file_config; /* JSON; NULL: none */
    unsigned char *auth_sealed;
    size_t auth_octets;
    char *auth_key_id;
};

struct claim {
    int64_t message_pk;
    int64_t lease_token; /* fences late results: a record with another token changes nothing */
    int64_t created_us;  /* acceptance, microseconds since the epoch: Date, and the partition of the
                            body */
    int64_t claimed_mono_ms;
    int64_t queue_ms; /* from being due to being claimed */
    int64_t early_ms; /* claimed so long before it was due: its account's gate was opened ahead of
                         time */
    int32_t attempt;  /* 1 for the first claim */
    int32_t retries;  /* entries of the schedule used up */
    int32_t priority; /* as the queue had it: 0 goes first; see claim_priority() */
    int64_t priority_age_ms;           /* GMP_PRIORITY_AGE; 0: it does not rise */
    int32_t size_octets;               /* of content and attachments as stored */
    int32_t attachments;               /* rows of message_attachment */
    struct config_delays retry_delays; /* account's, else tenant's, else the service's */
    int64_t retry_max_age_s;           /* likewise; 0: none */
    int64_t failing_s;                 /* since its first failed attempt; 0: there was none */
    char *message_id;                  /* the client's id */
    char *mime_message_id;             /* "<...@...>" */
    char *content;                 /* the client's JSON; NULL when it is large and must be loaded
                                      (compose/content.h) */
    char *settled;                 /* JSON of message.settled; NULL: none */
    struct claim_account *account; /* owned */
    struct claim_tenant *tenant;   /* owned */
};

void claim_free(struct claim *claim); /* NULL is fine; wipes nothing: secrets in it are sealed */

/*
 * Which priority it has by now: what waits in a worker's hands rises as in the queue, by one each
 * priority_age_ms, to 1 at most.
 */
int32_t claim_priority(const struct claim *claim, int64_t now_mono_ms);

/* What an answer to claim_messages says beside its claims. */
struct claim_outlook {
    int claims;       /* rows that are one, from the first */
    int64_t again_ms; /* until it is worth asking again without news; -1: it is not */
    int64_t rejected; /* messages that a limit made errors */
    bool kept_back;   /* an account was given less than it might have, for others */
    bool passed;      /* what lies before some account's front was not looked at */
    int64_t took_ms;  /* of the database */
};
struct claim_outlook claim_read_outlook(const PGresult *res);

/* Read row `row` of claim_messages; *ret is owned by the caller. */
enum err claim_read_row(const PGresult *res, int row, const struct config *config,
                        struct claim **ret, struct error *err) MUST_CHECK;

#endif
