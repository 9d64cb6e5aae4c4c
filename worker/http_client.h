/*
 * http_client.h - HTTP requests to tenants and attachment hosts, without blocking.
 *
 * Redirects: 307 and 308 within the request's own origin are followed, at most 5; any other is an
 * answer like any other (its 3xx status). Hosts that resolve to loopback, private, link-local or
 * otherwise special addresses are refused after name resolution, for each connection made, unless
 * `allow_private` or GMP_ALLOW_PRIVATE_HOSTS says so.
 */
#ifndef WORKER_HTTP_CLIENT_H
#define WORKER_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "worker/transfer.h"

/* Credentials for one origin; all strings borrowed until http_client_start() returns. */
enum http_auth_method { HTTP_AUTH_NONE, HTTP_AUTH_BASIC, HTTP_AUTH_BEARER };
struct http_auth {
    enum http_auth_method method;
    const char *user;
    const char *password;
    const char *token;
};

struct http_request {
    const char *url;  /* borrowed; http and https only */
    const char *body; /* borrowed until the call returns (it is copied); NULL: GET, else POST with
                         application/json */
    size_t body_octets;
    const char *content_type;   /* of the body; borrowed; NULL: application/json */
    const char *const *headers; /* "name: value" strings, NULL-terminated, borrowed; NULL: none */
    struct http_auth auth; /* sent to the url's origin only, never along a redirect elsewhere */
    bool allow_private;    /* a trusted URL */
    int64_t connect_timeout_ms;
    int64_t timeout_ms; /* whole call */
    size_t max_octets;  /* of the answer's body; more is a failure */
};

struct http_answer {
    long status; /* 0: there was none */
    char *body;  /* borrowed; NUL-terminated behind body_octets; may be NULL when empty */
    size_t body_octets;
    int64_t retry_after_s; /* Retry-After as seconds from now; -1: none */
    enum err rc;           /* ERR_OK when an HTTP answer came whole, whatever its status */
    struct error err;      /* why not; names the host, never credentials */
    bool timed_out;        /* with rc != ERR_OK */
    bool refused_address;  /* with rc != ERR_OK: the address guard said no; trying again will not
                              help */
};

typedef void http_done_fn(void *arg, const struct http_answer *answer);

struct http_client;
struct http_call;

enum err http_client_new(struct transfers *transfers, const struct config *config,
                         struct http_client **ret, struct error *err) MUST_CHECK;
void http_client_free(
    struct http_client *client); /* calls still under way are dropped without `done` */

/* `done` is called once, from the loop, never from inside this call. *ret (may be NULL) is valid
 * until then. */
enum err http_client_start(struct http_client *client, const struct http_request *request,
                           http_done_fn *done, void *arg, struct http_call **ret,
                           struct error *err) MUST_CHECK;
void http_call_cancel(struct http_call *call); /* `done` is not called any more */

#endif
