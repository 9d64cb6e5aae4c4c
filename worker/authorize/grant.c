/*
 * grant.c - a row of take_token, opened. See grant.h.
 *
 * An endpoint may hand out a new refresh token with every access token, and let the one before it
 * die. The newest is kept together with the one the account's owner gave: who updates the account
 * and gives that again goes on with the newest, who gives another begins anew.
 */
#include "worker/authorize/grant.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "common/json.h"

enum { GRANT_PAIR_CAP_OCTETS = SECRET_PLAIN_CAP_OCTETS };

/* The columns of take_token, in order. */
enum grant_column {
    GRANT_LEASE_TOKEN,
    GRANT_SERIAL,
    GRANT_TOKEN,
    GRANT_TOKEN_KEY,
    GRANT_ERROR,
    GRANT_KIND,
    GRANT_URL,
    GRANT_CLIENT_ID,
    GRANT_SCOPE,
    GRANT_CLIENT_SECRET,
    GRANT_CLIENT_SECRET_KEY,
    GRANT_REFRESH_TOKEN,
    GRANT_REFRESH_TOKEN_KEY,
    GRANT_NEWER,
    GRANT_NEWER_KEY,
    GRANT_CLIENT_AUTH,
};

void grant_clear(struct grant *grant)
{
    secret_wipe_free(grant->token);
    secret_wipe_free(grant->client_secret);
    secret_wipe_free(grant->refresh_token);
    secret_wipe_free(grant->origin);
    free(grant->error);
    free(grant->url);
    free(grant->client_id);
    free(grant->scope);
    *grant = (struct grant){0};
}

static enum err grant_copy(const PGresult *res, int column, char **ret, struct error *err)
{
    const char *text = db_str(res, 0, column);

    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? error_set(err, ERR_NOMEM, "out of memory for a grant") : ERR_OK;
}

static void grant_name(char ret[SECRET_CONTEXT_OCTETS], const char *table,
                       const struct grant_owner *owner, const char *what)
{
    secret_context(ret,
                   (const char *const[]){table, owner->tenant_id, owner->account_id, what, NULL});
}

/* Open the sealed column and the key id that follows it; NULL for SQL NULL. */
static enum err grant_open(const PGresult *res, int column, const struct secret_ring *keys,
                           const char *context, char **ret, struct error *err)
{
    unsigned char *octets = NULL;
    size_t len = 0;
    enum err rc = db_octets(res, 0, column, &octets, &len, err);

    if (!rc && octets)
        rc = secret_open(keys, context, db_str(res, 0, column + 1), octets, len, ret, err);
    free(octets);
    return rc;
}

/* The newest refresh token, where it descends from the account's own. */
static enum err grant_follow(const char *pair, struct grant *grant, struct error *err)
{
    struct json_syntax_error syntax;
    const char *origin, *token;
    cJSON *object = NULL;
    char *newer = NULL;
    enum err rc = json_parse(pair, strlen(pair), &object, &syntax, err);

    if (rc)
        return rc;
    origin = cJSON_GetStringValue(json_get(object, "origin"));
    token = cJSON_GetStringValue(json_get(object, "token"));
    if (origin && token && !strcmp(origin, grant->origin)) {
        newer = strdup(token);
        if (newer) {
            secret_wipe_free(grant->refresh_token);
            grant->refresh_token = newer;
        } else {
            rc = error_set(err, ERR_NOMEM, "out of memory for a refresh token");
        }
    }
    cJSON_Delete(object);
    return rc;
}

static enum err grant_read_refresh_token(const PGresult *res, const struct secret_ring *keys,
                                         const struct grant_owner *owner, struct grant *grant,
                                         struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];
    char *pair = NULL;
    enum err rc;

    grant_name(context, "account", owner, "oauth_refresh_token");
    rc = grant_open(res, GRANT_REFRESH_TOKEN, keys, context, &grant->origin, err);
    if (rc || !grant->origin)
        return rc;
    grant->refresh_token = strdup(grant->origin);
    if (!grant->refresh_token)
        return error_set(err, ERR_NOMEM, "out of memory for a refresh token");
    grant_name(context, "account_token", owner, "refresh_token");
    rc = grant_open(res, GRANT_NEWER, keys, context, &pair, err);
    if (!rc && pair)
        rc = grant_follow(pair, grant, err);
    secret_wipe_free(pair);
    return rc;
}

/* What is needed to ask for a new one. */
static enum err grant_read_request(const PGresult *res, const struct secret_ring *keys,
                                   const struct grant_owner *owner, struct grant *grant,
                                   struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];
    const char *client_auth = db_str(res, 0, GRANT_CLIENT_AUTH);
    enum err rc = grant_copy(res, GRANT_URL, &grant->url, err);

    grant->basic = client_auth && !strcmp(client_auth, "basic");
    if (!rc)
        rc = grant_copy(res, GRANT_CLIENT_ID, &grant->client_id, err);
    if (!rc)
        rc = grant_copy(res, GRANT_SCOPE, &grant->scope, err);
    grant_name(context, "account", owner, "oauth_client_secret");
    if (!rc)
        rc = grant_open(res, GRANT_CLIENT_SECRET, keys, context, &grant->client_secret, err);
    if (!rc)
        rc = grant_read_refresh_token(res, keys, owner, grant, err);
    return rc;
}

enum err grant_read(const PGresult *res, const struct secret_ring *keys,
                    const struct grant_owner *owner, struct grant *ret, struct error *err)
{
    const char *kind = db_str(res, 0, GRANT_KIND);
    bool is_static = kind && !strcmp(kind, "token");
    char context[SECRET_CONTEXT_OCTETS];

    *ret = (struct grant){.lease_token = db_int(res, 0, GRANT_LEASE_TOKEN),
                          .serial = db_int(res, 0, GRANT_SERIAL)};
    if (ret->lease_token)
        return grant_read_request(res, keys, owner, ret, err);
    if (is_static)
        grant_name(context, "account", owner, "oauth_token");
    else
        grant_name(context, "account_token", owner, "access_token");
    enum err rc = grant_open(res, GRANT_TOKEN, keys, context, &ret->token, err);
    if (!rc)
        rc = grant_copy(res, GRANT_ERROR, &ret->error, err);
    return rc;
}

/* ---- asking for a new one ---- */

/* application/x-www-form-urlencoded, as the URL standard serializes it: all but these is encoded.
 */
static void grant_append_encoded(struct buf *out, const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
            strchr("-._*", *p))
            buf_append_char(out, (char)*p);
        else
            buf_printf(out, "%%%02X", *p);
    }
}

static void grant_append_value(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(out, "%s%s=", out->len ? "&" : "", name);
    grant_append_encoded(out, value);
}

void grant_write_form(const struct grant *grant, struct buf *out)
{
    grant_append_value(out, "grant_type",
                       grant->refresh_token ? "refresh_token" : "client_credentials");
    if (!grant->basic) {
        grant_append_value(out, "client_id", grant->client_id);
        grant_append_value(out, "client_secret", grant->client_secret);
    }
    grant_append_value(out, "refresh_token", grant->refresh_token);
    grant_append_value(out, "scope", grant->scope);
}

void grant_write_client(const struct grant *grant, struct buf *id, struct buf *secret)
{
    grant_append_encoded(id, grant->client_id ? grant->client_id : "");
    buf_append_char(id, '\0');
    grant_append_encoded(secret, grant->client_secret ? grant->client_secret : "");
    buf_append_char(secret, '\0');
}

enum err grant_seal_access(const struct secret_ring *keys, const struct grant_owner *owner,
                           const char *access_token, struct sealed *ret, struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];

    grant_name(context, "account_token", owner, "access_token");
    return secret_seal(keys, context, access_token, ret, err);
}

enum err grant_seal_refresh(const struct secret_ring *keys, const struct grant_owner *owner,
                            const struct grant *grant, const char *refresh_token,
                            struct sealed *ret, struct error *err)
{
    struct buf pair = BUF_INIT(GRANT_PAIR_CAP_OCTETS);
    char context[SECRET_CONTEXT_OCTETS];
    enum err rc;

    buf_append_str(&pair, "{\"origin\":");
    json_append_string(&pair, grant->origin);
    buf_append_str(&pair, ",\"token\":");
    json_append_string(&pair, refresh_token);
    buf_append(&pair, "}", sizeof("}")); /* with its NUL */
    rc = buf_check(&pair, "a refresh token", err);
    grant_name(context, "account_token", owner, "refresh_token");
    if (!rc)
        rc = secret_seal(keys, context, pair.data, ret, err);
    buf_wipe(&pair);
    return rc;
}
