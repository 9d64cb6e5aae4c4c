#include "server/routes/account_oauth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/loopback.h"
#include "server/http/shape.h"
#include "server/routes/account_secret.h"

enum { ACCOUNT_OAUTH_HOST_OCTETS = 256 };

static const char *const account_oauth_of_endpoint[] = {
    "oauth_grant",         "oauth_client_id", "oauth_client_secret",
    "oauth_refresh_token", "oauth_scope",     "oauth_client_auth"};

void account_oauth_read(const cJSON *body, struct account_oauth *ret)
{
    struct account_oauth oauth = {
        .grant = value_given(body, "oauth_grant"),
        .token_url = value_given(body, "oauth_token_url"),
        .client_id = value_given(body, "oauth_client_id"),
        .scope = value_given(body, "oauth_scope"),
        .client_auth = value_given(body, "oauth_client_auth"),
        .client_secret = value_given(body, "oauth_client_secret"),
        .refresh_token = value_given(body, "oauth_refresh_token"),
        .token = value_given(body, "oauth_token"),
    };

    if (oauth.token)
        oauth.grant = "token";
    else if (oauth.token_url && !oauth.grant)
        oauth.grant = oauth.refresh_token ? "refresh_token" : "client_credentials";
    *ret = oauth;
}

/* ---- what fits together ---- */

/* The host of a URL that begins with http://, without port and brackets; false: it has none. */
static bool account_oauth_read_host(const char *url, char ret[ACCOUNT_OAUTH_HOST_OCTETS])
{
    const char *host = url + strlen("http://");
    size_t n;

    if (*host == '[') {
        host++;
        n = strcspn(host, "]");
    } else {
        n = strcspn(host, ":/?#");
    }
    if (n == 0 || n >= ACCOUNT_OAUTH_HOST_OCTETS)
        return false;
    snprintf(ret, ACCOUNT_OAUTH_HOST_OCTETS, "%.*s", (int)n, host);
    return true;
}

/* Does GMP_ALLOW_PRIVATE_HOSTS name this host, as it is written? */
static bool account_oauth_is_allowed_host(const char *list, const char *host)
{
    for (const char *at = list; at && *at;) {
        size_t blank = strspn(at, " ,"), n = strcspn(at + blank, " ,");

        if (n == strlen(host) && !strncasecmp(at + blank, host, n))
            return true;
        at += blank + n;
    }
    return false;
}

/* Secrets and tokens travel to and from the endpoint: in the clear within reach alone. */
static void account_oauth_check_url(struct fields *f, const char *url, const struct config *config)
{
    char host[ACCOUNT_OAUTH_HOST_OCTETS];

    if (strchr(url, '@') || strchr(url, '#') || strchr(url, '\\'))
        fields_refuse(f, "oauth_token_url", "must not contain @, # or \\");
    else if (!strncasecmp(url, "https://", strlen("https://")) && url[strlen("https://")])
        return;
    else if (strncasecmp(url, "http://", strlen("http://")) != 0 ||
             !account_oauth_read_host(url, host))
        fields_refuse(f, "oauth_token_url", "must begin with https://");
    else if (!loopback_is_host(host) &&
             !account_oauth_is_allowed_host(config->allow_private_hosts, host))
        fields_refuse(f, "oauth_token_url",
                      "must begin with https:// (http:// goes to loopback, and to hosts that "
                      "GMP_ALLOW_PRIVATE_HOSTS names)");
}

static void account_oauth_check_grant(struct fields *f, const struct account_oauth *oauth)
{
    if (!oauth->client_id)
        fields_refuse(f, "oauth_client_id", "is needed with oauth_token_url");
    if (oauth->client_auth && !strcmp(oauth->client_auth, "basic") && !oauth->client_secret)
        fields_refuse(f, "oauth_client_secret", "is needed for oauth_client_auth basic");
    if (!strcmp(oauth->grant, "refresh_token") && !oauth->refresh_token)
        fields_refuse(f, "oauth_refresh_token", "is needed for oauth_grant refresh_token");
    if (!strcmp(oauth->grant, "client_credentials") && !oauth->client_secret)
        fields_refuse(f, "oauth_client_secret", "is needed for oauth_grant client_credentials");
    if (!strcmp(oauth->grant, "client_credentials") && oauth->refresh_token)
        fields_refuse(f, "oauth_refresh_token",
                      "is of no use for oauth_grant client_credentials: leave one of them out");
}

/* The rest of the account must be made for a token. */
static void account_oauth_check_login(struct fields *f, const cJSON *body)
{
    const char *host = value_text(body, "host");
    bool tls = value_bool(body, "use_tls", value_int(body, "port", 0) == 465);

    if (!value_given(body, "user"))
        fields_refuse(f, "user", "is needed with OAuth: the mailbox that sends");
    if (value_given(body, "password"))
        fields_refuse(f, "password", "an account has a password or OAuth, not both");
    if (!tls && !loopback_is_host(host))
        fields_refuse(f, "use_tls", "must be true: access tokens are sent over TLS only");
}

/* GET /accounts says "token" for an account whose owner brings one; it may be said here, too. */
static bool account_oauth_is_static(const cJSON *body)
{
    const char *grant = value_given(body, "oauth_grant");

    return grant && !strcmp(grant, "token");
}

void account_oauth_check(struct fields *f, const cJSON *body, const struct config *config)
{
    const char *needs = "needs oauth_token_url";
    struct account_oauth oauth;

    account_oauth_read(body, &oauth);
    if (oauth.token && oauth.token_url)
        fields_refuse(f, "oauth_token", "stands alone: leave it out, or oauth_token_url");
    if (!oauth.token && account_oauth_is_static(body))
        fields_refuse(f, "oauth_token", "is needed for oauth_grant token");
    if (oauth.token)
        needs = "is of no use with oauth_token: leave one of them out";
    for (size_t i = 0; !oauth.token_url &&
                       i < sizeof(account_oauth_of_endpoint) / sizeof(account_oauth_of_endpoint[0]);
         i++)
        if (value_given(body, account_oauth_of_endpoint[i]) &&
            !(i == 0 && account_oauth_is_static(body)))
            fields_refuse(f, account_oauth_of_endpoint[i], needs);
    if (oauth.token_url) {
        account_oauth_check_url(f, oauth.token_url, config);
        account_oauth_check_grant(f, &oauth);
    }
    if (oauth.grant)
        account_oauth_check_login(f, body);
}

/* ---- into and out of the database ---- */

enum err account_oauth_seal(const struct secret_ring *keys, const char *tenant_id,
                            const char *account_id, struct account_oauth *oauth, struct error *err)
{
    enum err rc = account_secret_seal(keys, tenant_id, account_id, "oauth_client_secret",
                                      oauth->client_secret, &oauth->client_secret_sealed, err);

    if (!rc)
        rc = account_secret_seal(keys, tenant_id, account_id, "oauth_refresh_token",
                                 oauth->refresh_token, &oauth->refresh_token_sealed, err);
    if (!rc)
        rc = account_secret_seal(keys, tenant_id, account_id, "oauth_token", oauth->token,
                                 &oauth->token_sealed, err);
    return rc;
}

void account_oauth_clear(struct account_oauth *oauth)
{
    sealed_clear(&oauth->client_secret_sealed);
    sealed_clear(&oauth->refresh_token_sealed);
    sealed_clear(&oauth->token_sealed);
}

void account_oauth_set_params(struct db_params *p, const struct account_oauth *oauth)
{
    db_param_text(p, oauth->grant);
    db_param_text(p, oauth->token_url);
    db_param_text(p, oauth->client_id);
    db_param_text(p, oauth->scope);
    account_secret_param(p, &oauth->client_secret_sealed);
    account_secret_param(p, &oauth->refresh_token_sealed);
    account_secret_param(p, &oauth->token_sealed);
    db_param_text(p, oauth->client_auth);
}

void account_oauth_append(struct object *o, const PGresult *res, int row, int column)
{
    object_text(o, "oauth_grant", db_str(res, row, column));
    object_text(o, "oauth_token_url", db_str(res, row, column + 1));
    object_text(o, "oauth_client_id", db_str(res, row, column + 2));
    object_text(o, "oauth_scope", db_str(res, row, column + 3));
    object_text(o, "oauth_client_auth", db_str(res, row, column + 4));
}
