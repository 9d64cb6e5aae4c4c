/*
 * lease.h - this worker's life in the database: its epoch and its heartbeat.
 *
 * Every claim's lease lasts as long as the heartbeat of the worker that holds it is fresh
 * (GMP_LEASE_SECONDS), so one small update keeps all leases alive, however long a relay takes. A
 * worker that could not write its heartbeat for that long must assume it was reaped:
 * lease_is_valid() turns false by the worker's own clock, before anyone else may take over, and no
 * message is given to a relay any more.
 *
 * A life begins by telling the database what was last seen of it (mark.h). If that is not there, it
 * was restored from a backup, and nothing is sent until an operator has agreed.
 */
#ifndef WORKER_CLAIM_LEASE_H
#define WORKER_CLAIM_LEASE_H

#include "common/config.h"
#include "common/db_async.h"
#include "worker/claim/mark.h"

struct lease;

/* Called with the new epoch each time a life begins, and with 0 when one was lost to a reaper. */
typedef void lease_epoch_fn(void *arg, int64_t epoch);

enum err lease_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                   lease_epoch_fn *fn, void *arg, struct lease **ret,
                   struct error *err) MUST_CHECK; /* registers as soon as it can */
void lease_free(struct lease *lease);
bool lease_is_valid(const struct lease *lease);
void lease_set_in_flight(struct lease *lease,
                         uint32_t messages); /* shown with the next heartbeat */
/* What was last seen of the database; borrowed, and changes with each heartbeat. */
const struct mark *lease_mark(const struct lease *lease);
void lease_beat_now(struct lease *lease); /* after a reconnect, or when it has run out */
/* After lease_epoch_fn(0), once nothing claimed under the old epoch is under way any more: begin a
 * new life. */
void lease_renew(struct lease *lease);
/* Say goodbye and hand back what is still leased; `done` may be NULL. No heartbeat follows. */
void lease_end(struct lease *lease, db_done_fn *done, void *arg);

#endif
