/*
 * call.h - one call to one tenant: what there is to tell is read, posted, and its fate written
 * down.
 *
 * The lease that claim_tenants took ends with the call, by an acknowledgement or by a pause before
 * the next try.
 */
#ifndef WORKER_REPORT_CALL_H
#define WORKER_REPORT_CALL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/db_async.h"
#include "common/secret.h"
#include "worker/http_client.h"

struct call;
/* The call has ended, and is freed after this. */
typedef void call_over_fn(void *arg, struct call *call);

/* What all calls share: borrowed, and there for longer than they are. */
struct call_room {
    struct event_loop *loop;
    struct db_async *db;
    struct http_client *http;
    const struct config *config;
    const struct secret_ring *keys;
    call_over_fn *over;
    void *arg;
};

/* Begin the call of row `row` of claim_tenants; over() comes later, never from here. NULL: out of
 * memory. */
struct call *call_begin(const struct call_room *room, const PGresult *res, int row);
/* Forget it, without over(): its tenant is called again by whoever takes its lease. */
void call_drop(struct call *call);
int64_t call_lease_token(const struct call *call);
bool call_is_unanswered(const struct call *call); /* yet; also before it is posted */
/* Its tenant's last call before this one failed. */
bool call_is_doubtful(const struct call *call);
/* How long its tenant has not answered; 0: nothing was sent yet, or the answer is there. */
int64_t call_silence_ms(const struct call *call);
/* Wait for the answer no longer: the call fails, and ends by over() as ever. Only while there is
 * silence. */
void call_give_way(struct call *call);

#endif
