/*
 * payload.h - what a tenant reads: the events of a call as the JSON of a delivery report.
 *
 * One entry for each message, however many events it had: clients keep one state per id and would
 * take the last entry for the truth. Pure.
 */
#ifndef WORKER_REPORT_PAYLOAD_H
#define WORKER_REPORT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

enum payload_format {
    PAYLOAD_EVENT, /* only the keys that say something */
    PAYLOAD_SEED,  /* account, priority and explicit nulls besides, as clients of 2025 know it */
};

/* One event; strings are borrowed. */
struct payload_event {
    const char *message_id; /* NULL: the message was deleted, there is nothing to tell */
    const char *account_id;
    int64_t priority;
    const char *event_type;  /* mailproxy.event_type */
    int64_t event_at_s;      /* since the epoch */
    const char *description; /* NULL: none */
    const char *metadata;    /* JSON; NULL: none */
};

/*
 * Append {"delivery_report":[...]} to `out`. The events of one message are side by side, oldest
 * first. *ret_entries: how many messages it tells of. ERR_LIMIT, ERR_NOMEM.
 */
enum err payload_write(const struct payload_event *events, size_t count, enum payload_format format,
                       struct buf *out, size_t *ret_entries, struct error *err) MUST_CHECK;

#endif
