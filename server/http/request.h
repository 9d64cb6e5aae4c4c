/*
 * request.h - one request, taken apart, as the routes see it. Nothing of civetweb in it.
 */
#ifndef SERVER_HTTP_REQUEST_H
#define SERVER_HTTP_REQUEST_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/db.h"
#include "common/error.h"
#include "server/context.h"
#include "server/http/reply.h"

enum { REQUEST_SEGMENTS_MAX = 8, REQUEST_ID_OCTETS_MAX = 255, REQUEST_QUERY_PARAMS_MAX = 64 };

enum caller_kind {
    CALLER_OPEN,   /* no token given, and none is asked for */
    CALLER_ADMIN,  /* the admin token */
    CALLER_TENANT, /* a tenant's own token */
};

struct caller {
    enum caller_kind kind;
    char *tenant_id; /* owned; of CALLER_TENANT */
};

struct request {
    const struct context *context;        /* borrowed */
    const char *method;                   /* borrowed */
    const char *path;                     /* borrowed; as it came, percent-encoded */
    char *segments[REQUEST_SEGMENTS_MAX]; /* owned; the path between its slashes, decoded */
    size_t segment_count;                 /* REQUEST_SEGMENTS_MAX + 1: more than any route has */
    cJSON *query;  /* owned; an object of texts, the last one where a name is repeated */
    cJSON *params; /* owned; an object of the path's parameters */
    cJSON *body;   /* owned; NULL: none, or not asked for */
    struct caller caller;
    bool looking;       /* it has a place in the turnstile, until it gives back the connection */
    struct db_conn *db; /* taken when first asked for, given back when the handler returned */
};

/* Take method, path and query apart. NUL (%00) reads as C0 80, as in common/json.h, so that checks
 * find it. ERR_INPUT: over REQUEST_QUERY_PARAMS_MAX. Unless it returns ERR_OK,
 * only method and path are set. */
enum err request_init(struct request *req, const struct context *context, const char *method,
                      const char *path, const char *query, struct error *err) MUST_CHECK;
void request_clear(struct request *req);
void request_drop_body(struct request *req); /* it is answered */

/* The request's database connection, from the pool; borrowed. ERR_LIMIT or ERR_DB_GONE: 503. */
enum err request_db(struct request *req, struct db_conn **ret, struct error *err) MUST_CHECK;
/* The same for what may take the database long: a quarter of the connections serve these, and who
 * finds none of them free waits, then fails (ERR_LIMIT). For a request's first use of one. */
enum err request_db_to_look(struct request *req, struct db_conn **ret,
                            struct error *err) MUST_CHECK;
void request_give_db(struct request *req); /* before something slow; request_db() takes one again */

/*
 * Which tenant this is about: `named` by the body (NULL: not), else by the query, else by the
 * token. *ret is NULL when none of them says; borrowed. false: answered already, 401 for a tenant
 * the token may not use. Its route declares the query's tenant_id.
 */
bool request_tenant(struct request *req, const char *named, const char **ret, struct reply *reply);
bool request_may_use(const struct request *req, const char *tenant_id);

#endif
