/*
 * endpoint.h - one request to a token endpoint (RFC 6749 section 3.2), and what came of it.
 */
#ifndef WORKER_AUTHORIZE_ENDPOINT_H
#define WORKER_AUTHORIZE_ENDPOINT_H

#include "worker/authorize/answer.h"
#include "worker/authorize/grant.h"
#include "worker/http_client.h"

/* Ask for a new token; as http_client_start(), which copies what it needs of the grant. */
enum err endpoint_ask(struct http_client *http, const struct grant *grant, http_done_fn *done,
                      void *arg, struct http_call **ret, struct error *err) MUST_CHECK;
/* As answer_read(), for an answer that came whole (http->rc is ERR_OK); no secret of the grant gets
 * into ret->why. */
enum err endpoint_read(const struct grant *grant, const struct http_answer *http,
                       struct answer *ret, struct error *err) MUST_CHECK;

#endif
