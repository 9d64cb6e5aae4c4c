/*
 * grant.h - what take_token tells of an account's access token, and how to ask for a new one (RFC
 * 6749 sections 4.4.2 and 6).
 *
 * Secrets are opened here, sealed here, and wiped with the struct.
 */
#ifndef WORKER_AUTHORIZE_GRANT_H
#define WORKER_AUTHORIZE_GRANT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/secret.h"

/* Whose token; borrowed texts. */
struct grant_owner {
    const char *tenant_id, *account_id;
};

/* All texts are owned. */
struct grant {
    int64_t lease_token; /* 0: not leased; the fields from `url` on are set with a lease alone */
    int64_t serial;      /* of `token`; 0: nothing renews it */
    char *token;         /* a secret; NULL: there is none to use */
    char *error;         /* why there is none and none is asked for yet; NULL: it is on its way */
    char *url;
    char *client_id;
    char *scope;         /* NULL: the endpoint's own */
    char *client_secret; /* a secret; NULL: a public client */
    bool basic;          /* client_id and client_secret go by HTTP Basic, not in the form */
    char *refresh_token; /* a secret; the newest; NULL: client_credentials */
    char *origin; /* a secret; the account's own refresh token, which the newest descends from */
};

void grant_clear(struct grant *grant); /* wipes; a zeroed one is fine */

/*
 * Read the one row of take_token. ERR_SECRET where it cannot be opened, with the lease_token set
 * when there is a lease: tell fail_token. ERR_NOMEM likewise. *ret is filled in any case.
 */
enum err grant_read(const PGresult *res, const struct secret_ring *keys,
                    const struct grant_owner *owner, struct grant *ret,
                    struct error *err) MUST_CHECK;

/* The request for a new token, as a form; wipe it. */
void grant_write_form(const struct grant *grant, struct buf *out);
/*
 * The client as HTTP Basic takes it (RFC 6749 section 2.3.1): id and secret, each encoded as in a
 * form, with a NUL; an empty secret where there is none. Wipe the secret.
 */
void grant_write_client(const struct grant *grant, struct buf *id, struct buf *secret);

/* For store_token. The refresh token goes with the one it descends from. */
enum err grant_seal_access(const struct secret_ring *keys, const struct grant_owner *owner,
                           const char *access_token, struct sealed *ret,
                           struct error *err) MUST_CHECK;
enum err grant_seal_refresh(const struct secret_ring *keys, const struct grant_owner *owner,
                            const struct grant *grant, const char *refresh_token,
                            struct sealed *ret, struct error *err) MUST_CHECK;

#endif
