/*
 * router.h - from method and path to a handler. One table drives routing, 405 with Allow, and who
 * may call what.
 */
#ifndef SERVER_HTTP_ROUTER_H
#define SERVER_HTTP_ROUTER_H

#include "server/http/auth.h"
#include "server/http/request.h"

enum route_body {
    ROUTE_NO_BODY,  /* one that comes is not looked at */
    ROUTE_JSON,     /* must be JSON where there is one; the handler says what it must hold */
    ROUTE_ANY_BODY, /* read when it is small and JSON, and ignored otherwise */
};

typedef void route_fn(struct request *req, struct reply *reply);

struct route {
    const char *method;
    const char *path; /* "/account/{account_id}": a segment in braces is a parameter */
    enum auth_class auth;
    enum route_body body;
    route_fn *run;
};

/*
 * The route of a request, its parameters set in req->params. NULL: answered already, 404, 405, 307
 * for a trailing slash, or 503. `routes` ends with an entry without a path; `query` is what stood
 * behind the path, or NULL.
 */
const struct route *router_find(const struct route *routes, struct request *req, const char *query,
                                struct reply *reply);

#endif
