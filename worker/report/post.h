/*
 * post.h - one delivery report over HTTP: where it goes, how it is signed (Standard Webhooks 1.0),
 * what the answer means.
 */
#ifndef WORKER_REPORT_POST_H
#define WORKER_REPORT_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/secret.h"
#include "worker/http_client.h"
#include "worker/report/outbox.h"

enum { POST_REASON_OCTETS = 512, POST_ID_OCTETS = 64, POST_SIGNATURE_OCTETS = 64 };

/* What the tenant's answer comes to. */
struct post_verdict {
    bool acknowledged;     /* any 2xx, whatever the body */
    int64_t queued;        /* messages the tenant handed over during the call: it may have more */
    int64_t next_sync_s;   /* not to be disturbed before, seconds since the epoch; 0: no wish */
    int64_t retry_after_s; /* of a 503; -1: none */
    char reason[POST_REASON_OCTETS]; /* not acknowledged: why; valid UTF-8 */
};

/*
 * Begin the call. `done` and *ret are http_client_start()'s. ERR_SECRET: a key is missing;
 * ERR_INPUT: the tenant's URL, credentials or secret cannot be used.
 */
enum err post_start(struct http_client *http, const struct config *config,
                    const struct secret_ring *keys, const struct outbox_tenant *tenant,
                    const struct outbox_batch *batch, http_done_fn *done, void *arg,
                    struct http_call **ret, struct error *err) MUST_CHECK;

void post_judge(const struct http_answer *answer, struct post_verdict *ret);
/* Not acknowledged, for this reason; what is not UTF-8 in it, or too long, is left out. */
void post_refuse(const char *reason, struct post_verdict *ret);

/* "msg_" and hexadecimal digits: the same for the same report, so that a repeated one is known as
 * such. */
enum err post_make_id(const struct outbox_tenant *tenant, const struct outbox_batch *batch,
                      char ret[POST_ID_OCTETS], struct error *err) MUST_CHECK;
/*
 * "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body". `secret`: "whsec_" and base64, or
 * the key itself.
 */
enum err post_sign(const char *secret, const char *id, int64_t timestamp_s, const char *body,
                   size_t body_octets, char ret[POST_SIGNATURE_OCTETS],
                   struct error *err) MUST_CHECK;

#endif
