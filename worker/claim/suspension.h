/*
 * suspension.h - what this worker holds of what was suspended meanwhile.
 *
 * Claims pass by what is suspended. What was claimed before is found here: one number in the
 * database changes whenever something is suspended or activated, and is read twice a second and
 * after each notification of such a change. Only when it is another one than before the worker's
 * leases are looked through.
 */
#ifndef WORKER_CLAIM_SUSPENSION_H
#define WORKER_CLAIM_SUSPENSION_H

#include "common/db_async.h"

struct suspension;

#define SUSPENSION_PAYLOAD "suspension" /* of the notification on the worker's channel */

/* Lease tokens in ascending order, borrowed; count > 0. */
typedef void suspension_fn(void *arg, const int64_t *lease_tokens, size_t count);

/* `db`: the connection that claims, so that a claim's answer comes before the news about it. */
enum err suspension_new(struct event_loop *loop, struct db_async *db, suspension_fn *fn, void *arg,
                        struct suspension **ret, struct error *err) MUST_CHECK;
void suspension_free(struct suspension *s);
void suspension_set_epoch(struct suspension *s, int64_t epoch); /* 0: holds nothing, asks nothing */
void suspension_wake(struct suspension *s);                     /* it has changed: ask now */

#endif
