/*
 * batch.h - record attempts in batches: one transaction for many.
 *
 * A result waits at most BATCH_DELAY_MS for others and a batch holds at most BATCH_MAX, so that a
 * worker that dies leaves few results unwritten: BATCH_UNWRITTEN_MAX, when nothing more is begun to
 * be sent from then on. That is two batches, one being written while the next one fills. A batch
 * that cannot be written is tried until it can: the lease tokens make writing it twice harmless.
 */
#ifndef WORKER_RECORD_BATCH_H
#define WORKER_RECORD_BATCH_H

#include "common/db_async.h"
#include "worker/record/attempt.h"

enum { BATCH_MAX = 100, BATCH_UNWRITTEN_MAX = 200, BATCH_DELAY_MS = 20 };

struct batch_recorder;

/* Each attempt's end: recorded, or refused because its lease was no longer ours. `claim` is the
 * attempt's. */
typedef void batch_done_fn(void *arg, const struct claim *claim, bool recorded);

enum err batch_new(struct event_loop *loop, struct db_async *db, batch_done_fn *fn, void *arg,
                   struct batch_recorder **ret, struct error *err) MUST_CHECK;
void batch_free(struct batch_recorder
                    *recorder); /* after its database connection; what is unwritten is dropped */
/* Consumes *attempt. Its claim must live until done. */
void batch_add(struct batch_recorder *recorder, struct attempt *attempt);
uint32_t batch_pending(const struct batch_recorder *recorder); /* attempts not written yet */

#endif
