/*
 * auth.c - tokens. See auth.h.
 *
 * The admin token is compared in constant time; a tenant's is looked up by its SHA-256, which tells
 * a guesser nothing.
 */
#include "server/http/auth.h"

#include "common/token.h"
#include "server/http/caller.h"

/* *ret_known: the token, or its absence, is one we take. */
static enum err auth_find_caller(struct request *req, const char *token, bool *ret_known,
                                 struct error *err)
{
    const char *admin = req->context->config->api_token;
    enum err rc;

    if (!token) {
        req->caller.kind = CALLER_OPEN;
        *ret_known = !admin;
        return ERR_OK;
    }
    if (token_equal(token, admin)) {
        req->caller.kind = CALLER_ADMIN;
        *ret_known = true;
        return ERR_OK;
    }
    rc = caller_find(req->context->callers, token, &req->caller.tenant_id, err);
    req->caller.kind = CALLER_TENANT;
    *ret_known = req->caller.tenant_id != NULL;
    return rc;
}

static bool auth_check_metrics(const struct config *config, const char *token, struct reply *reply)
{
    if (!config->metrics_token || (token && (token_equal(token, config->metrics_token) ||
                                             token_equal(token, config->api_token))))
        return true;
    reply_detail(reply, 401, "Invalid or missing API token");
    return false;
}

bool auth_check(struct request *req, enum auth_class class, const char *token, struct reply *reply)
{
    struct error err;
    bool known = false;

    if (class == AUTH_PUBLIC)
        return true;
    if (class == AUTH_METRICS)
        return auth_check_metrics(req->context->config, token, reply);
    if (token && !*token)
        token = NULL;
    if (auth_find_caller(req, token, &known, &err)) {
        reply_error(reply, &err);
        return false;
    }
    if (!known) {
        reply_detail(reply, 401,
                     !token && class == AUTH_ADMIN ? "Admin token required"
                                                   : "Invalid or missing API token");
        return false;
    }
    if (class == AUTH_ADMIN && req->caller.kind == CALLER_TENANT) {
        reply_detail(reply, 403,
                     "Admin token required, tenant tokens not allowed for this operation");
        return false;
    }
    return true;
}
