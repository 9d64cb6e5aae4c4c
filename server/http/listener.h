/*
 * listener.h - HTTP in: civetweb's threads, one handler for all requests.
 *
 * Each request runs in this order: route, body, JSON syntax, token, handler, answer. civetweb
 * serves nothing by itself: no files, no forms, no CORS, and its own errors leave as JSON too.
 */
#ifndef SERVER_HTTP_LISTENER_H
#define SERVER_HTTP_LISTENER_H

#include "server/context.h"
#include "server/http/router.h"

struct listener;

/*
 * Listen on config->host and port. Both arguments are borrowed until listener_free().
 * ERR_CONFIG: the host is none, or beyond loopback without an admin token; ERR_IO: the port cannot
 * be had.
 */
enum err listener_new(const struct context *context, const struct route *routes,
                      struct listener **ret, struct error *err) MUST_CHECK;
/* Finish the requests under way, then stop; takes up to 2 s. NULL is fine. */
void listener_free(struct listener *listener);

#endif
