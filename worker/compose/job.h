/*
 * job.h - get everything one claim needs and compose it: content, attachments, then octets.
 *
 * Stored attachments and large contents come from the database, endpoint and http_url ones over
 * HTTP, filesystem ones from below GMP_ATTACHMENT_BASE_DIR. At most 3 fetches of one message, 10 of
 * one tenant, and 30 altogether, run at once, as far as there is memory for them.
 */
#ifndef WORKER_COMPOSE_JOB_H
#define WORKER_COMPOSE_JOB_H

#include "common/config.h"
#include "common/db_async.h"
#include "common/secret.h"
#include "worker/claim/claim.h"
#include "worker/compose/mail.h"
#include "worker/http_client.h"
#include "worker/memory.h"

struct compose_room; /* what all jobs share: the database connection, HTTP client, key ring,
                        counters */
struct compose_job;

/* How it ended. `mail` is owned by the callee on success. */
enum compose_end {
    COMPOSE_DONE,
    COMPOSE_PERMANENT, /* the message is an error; reason says why ("Attachment fetch failed for
                          a.pdf: 404") */
    COMPOSE_TEMPORARY, /* try again on the message's schedule; same text */
    COMPOSE_GONE,      /* the database connection broke, or memory ran out: hand the claim back, no
                          attempt was made */
};
typedef void compose_done_fn(void *arg, enum compose_end end, struct mail *mail,
                             const char *reason);

enum err compose_room_new(const struct config *config, struct db_async *db,
                          struct http_client *http, const struct secret_ring *keys,
                          struct memory *memory, struct compose_room **ret,
                          struct error *err) MUST_CHECK;
void compose_room_free(struct compose_room *room); /* no job may be under way */
void compose_room_wake(struct compose_room *room); /* there may be memory for more fetches */

/* `claim` is borrowed until done. `done` is called once; it may be called from inside this call. */
void compose_start(struct compose_room *room, struct claim *claim, compose_done_fn *done, void *arg,
                   struct compose_job **ret);
void compose_cancel(struct compose_job *job); /* `done` is not called any more */

#endif
