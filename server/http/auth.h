/*
 * auth.h - who is calling, and may they.
 */
#ifndef SERVER_HTTP_AUTH_H
#define SERVER_HTTP_AUTH_H

#include <stdbool.h>

#include "server/http/request.h"

enum auth_class {
    AUTH_PUBLIC,  /* everybody */
    AUTH_METRICS, /* everybody, unless GMP_METRICS_TOKEN is set: then that token or the admin's */
    AUTH_TOKEN,   /* any valid token */
    AUTH_TENANT,  /* any valid token; which tenants it may use is up to request_tenant() */
    AUTH_ADMIN,   /* the admin token only */
};

/*
 * Find the caller by the X-API-Token (NULL: none) and hold it against the class. Fills req->caller.
 * false: answered already, 401, 403 or (no database to ask) 503.
 */
bool auth_check(struct request *req, enum auth_class class, const char *token, struct reply *reply);

#endif
