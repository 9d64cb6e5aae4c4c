/*
 * outbox.h - what the database says of one call: whom to call and how, and what there is to tell.
 */
#ifndef WORKER_REPORT_OUTBOX_H
#define WORKER_REPORT_OUTBOX_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/db_array.h"
#include "common/error.h"
#include "worker/report/payload.h"

/* Events of one call at most: no more entries than that. One more is read, to know whether there
 * are more. */
enum { OUTBOX_EVENTS_MAX = 1000 };

/* A leased tenant. Secrets are sealed. */
struct outbox_tenant {
    char *tenant_id;
    int64_t lease_token; /* fences: a result that brings another changes nothing */
    int64_t news_seq;    /* as it was when the lease was taken: what is told is at least as new */
    char *base_url;      /* NULL: the service's own client URL */
    bool base_url_trusted;
    char *sync_path;            /* NULL: the default */
    unsigned char *auth_sealed; /* NULL: none */
    size_t auth_octets;
    char *auth_key_id;
    bool seed_format;
    unsigned char *secret_sealed; /* NULL: none */
    size_t secret_octets;
    char *secret_key_id;
    bool failed; /* its last call did */
};

void outbox_tenant_clear(struct outbox_tenant *t);
/* Read row `row` of claim_tenants. */
enum err outbox_read_tenant(const PGresult *res, int row, struct outbox_tenant *ret,
                            struct error *err) MUST_CHECK;

/* What one call tells, and which events that settles. */
struct outbox_batch {
    struct buf body;
    size_t entries;
    struct db_array event_pks;
    int64_t oldest_us, newest_us; /* created_at of those events */
    bool more;                    /* there are events beyond these */
};

void outbox_batch_clear(struct outbox_batch *b); /* a zeroed one is fine */
/*
 * Read what load_events found when asked for max_events + 1. ERR_LIMIT: the body would be over its
 * cap; ask for fewer (a single event is taken whatever its size).
 */
enum err outbox_read_batch(const PGresult *res, size_t max_events, enum payload_format format,
                           struct outbox_batch *ret, struct error *err) MUST_CHECK;

#endif
