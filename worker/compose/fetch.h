/*
 * fetch.h - get the octets of one attachment that is not in the database.
 *
 * The tenant's credentials go to its own web server only: to its attachment URL, and to http_url
 * attachments of the same origin. Failures come in words for the client: "404", "fetch timed out",
 * ...
 */
#ifndef WORKER_COMPOSE_FETCH_H
#define WORKER_COMPOSE_FETCH_H

#include "common/config.h"
#include "common/secret.h"
#include "worker/claim/claim.h"
#include "worker/compose/attachment.h"
#include "worker/http_client.h"

/* What fetches need; all borrowed. */
struct fetch_means {
    const struct config *config;
    struct http_client *http;
    const struct secret_ring *keys;
    struct cache *cache;
};

/* Fill a->octets from a local file, at once. Errors as local_file_read(), and ERR_INPUT: no
 * directory is set. */
enum err fetch_local(const struct fetch_means *means, struct attachment *a,
                     struct error *err) MUST_CHECK;

/* Fill a->octets from the cache; false: it is not there. */
bool fetch_cached(const struct fetch_means *means, const struct claim *claim, struct attachment *a);

/* Begin a request for an endpoint or http_url attachment; `done` and *ret are
 * http_client_start()'s. ERR_SECRET: later. */
enum err fetch_remote(const struct fetch_means *means, const struct claim *claim,
                      const struct attachment *a, http_done_fn *done, void *arg,
                      struct http_call **ret, struct error *err) MUST_CHECK;

/*
 * Take the octets out of the answer, and remember those that have an MD5. ERR_INPUT and ERR_LIMIT:
 * trying again will not help; ERR_NET: it may; ERR_NOMEM.
 */
enum err fetch_take_answer(const struct fetch_means *means, const struct claim *claim,
                           const struct http_answer *answer, struct attachment *a,
                           struct error *err) MUST_CHECK;

#endif
