/*
 * account_oauth.h - the oauth_* fields of an account: how it comes by an access token.
 *
 * Either its owner brings one (oauth_token), or a token endpoint gives it (RFC 6749 sections 4.4
 * and 6).
 */
#ifndef SERVER_ROUTES_ACCOUNT_OAUTH_H
#define SERVER_ROUTES_ACCOUNT_OAUTH_H

#include <cjson/cJSON.h>
#include <libpq-fe.h>

#include "common/config.h"
#include "common/db.h"
#include "common/secret.h"
#include "server/http/fields.h"
#include "server/http/object.h"

/* Texts are borrowed from the body; NULL: not given. */
struct account_oauth {
    const char *grant; /* of the type mailproxy.oauth_grant; NULL: the account has no OAuth */
    const char *token_url, *client_id, *scope;
    const char *client_auth; /* of the type mailproxy.oauth_client_auth; NULL: body */
    const char *client_secret, *refresh_token, *token;
    struct sealed client_secret_sealed, refresh_token_sealed, token_sealed;
};

void account_oauth_read(const cJSON *body, struct account_oauth *ret);
/* What no field can know by itself: which go together, and that no token travels in the clear. */
void account_oauth_check(struct fields *f, const cJSON *body, const struct config *config);
enum err account_oauth_seal(const struct secret_ring *keys, const char *tenant_id,
                            const char *account_id, struct account_oauth *oauth,
                            struct error *err) MUST_CHECK;
void account_oauth_clear(struct account_oauth *oauth);
/* $31 to $41 of upsert_account. */
void account_oauth_set_params(struct db_params *p, const struct account_oauth *oauth);
/* From the five columns of list_accounts that begin with `column`. */
void account_oauth_append(struct object *o, const PGresult *res, int row, int column);

#endif
