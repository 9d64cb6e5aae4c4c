/*
 * router.h - from method and path to a handler. One table drives routing, 405 with Allow, who may
 * call what, what a request must look like (shape.h), and the published description (openapi.h).
 */
#ifndef SERVER_HTTP_ROUTER_H
#define SERVER_HTTP_ROUTER_H

#include "server/http/auth.h"
#include "server/http/request.h"
#include "server/http/shape.h"

enum route_body {
    ROUTE_NO_BODY,       /* one that comes is not looked at */
    ROUTE_JSON,          /* a JSON object of the route's shape */
    ROUTE_OPTIONAL_JSON, /* as ROUTE_JSON, but it may be missing or null */
    ROUTE_ANY_BODY,      /* read when it is small and JSON, and ignored otherwise */
};

typedef void route_fn(struct request *req, struct reply *reply);

struct route {
    const char *method;
    const char *path; /* "/account/{account_id}": a segment in braces is a parameter */
    enum auth_class auth;
    enum route_body body;
    route_fn *run;
    const char *summary;        /* what it does, in a line */
    const char *doc;            /* NULL: the summary says it all */
    const struct field *params; /* of the path; NULL: texts. As the next one: ends without a name */
    const struct field *query;  /* NULL: none is looked at */
    const struct shape *in;     /* of the body */
    bool items_name_tenants;    /* the handler judges item by item whose it is */
    const struct answer *answers; /* end with status 0; NULL: 200 {"ok":true} */
};

/*
 * The route of a request, its parameters set in req->params. NULL: answered already, 404, 405, 307
 * for a trailing slash, or 503. `routes` ends with an entry without a path; `query` is what stood
 * behind the path, or NULL.
 */
const struct route *router_find(const struct route *routes, struct request *req, const char *query,
                                struct reply *reply);
/*
 * Hold the request's parameters and body against the route's shapes. false: answered already, 422
 * with all that does not fit, or before that 401 where the path, the body or the query names a
 * tenant that the token may not use.
 */
bool router_check(const struct route *route, struct request *req, struct reply *reply);

#endif
