/*
 * report.h - tell the tenants: delivery reports, and polls of tenants without news.
 *
 * One call to a tenant at a time over all workers (tenant_sync's lease); tenants are called side by
 * side. What is told is read in a transaction after the lease was taken, so an event is never
 * missed: see tenant_sync.news_seq.
 */
#ifndef WORKER_REPORT_REPORT_H
#define WORKER_REPORT_REPORT_H

#include "common/config.h"
#include "common/db_async.h"
#include "common/secret.h"
#include "worker/http_client.h"

struct reporter;

enum err reporter_new(struct event_loop *loop, struct db_async *db, struct http_client *http,
                      const struct config *config, const struct secret_ring *keys,
                      struct reporter **ret, struct error *err) MUST_CHECK;
void reporter_free(struct reporter *reporter); /* calls under way are dropped: their tenants are
                                                  called again by another */
/*
 * Before the first wake, and again after a new epoch; 0: there is none, nothing is claimed. Calls
 * made under another epoch are dropped: their leases are somebody else's to take.
 */
void reporter_set_epoch(struct reporter *reporter, int64_t worker_epoch);
/* Look for tenants to call now. Cheap, may be called often; also looks by itself every second. */
void reporter_wake(struct reporter *reporter);
void reporter_stop(struct reporter *reporter);         /* take no more tenants */
uint32_t reporter_in_flight(const struct reporter *r); /* calls, or a claim of some, under way */
/* Call fn(arg) whenever the last call under way has ended: what waits for reporter_in_flight() to
 * be 0 looks again. */
void reporter_on_idle(struct reporter *reporter, event_timer_fn *fn, void *arg);

#endif
