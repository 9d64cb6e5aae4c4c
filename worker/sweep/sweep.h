/*
 * sweep.h - the chores between deliveries: promote what has become due, raise what waits
 * behind higher priorities, take over from dead workers, give up what has waited for too long,
 * forget fronts that are of no use, make partitions.
 */
#ifndef WORKER_SWEEP_SWEEP_H
#define WORKER_SWEEP_SWEEP_H

#include "common/config.h"
#include "common/db_async.h"

struct sweeper;

typedef void sweep_work_fn(void *arg); /* there is work to claim */

enum err sweep_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                   sweep_work_fn *fn, void *arg, struct sweeper **ret,
                   struct error *err) MUST_CHECK;
void sweep_free(struct sweeper *sweeper);
void sweep_set_epoch(struct sweeper *sweeper, int64_t epoch); /* 0: no chores */
/*
 * The database has become reachable: let the other workers' heartbeats arrive before any of them
 * counts as dead, since an outage silences all of them alike.
 */
void sweep_connected(struct sweeper *sweeper);

#endif
