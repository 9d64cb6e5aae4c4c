/*
 * metric_families.h - every family of GET /metrics: its name, its help, and where its samples come
 * from. docs/metrics.md lists the same, and a test compares the two.
 */
#ifndef SERVER_ROUTES_METRIC_FAMILIES_H
#define SERVER_ROUTES_METRIC_FAMILIES_H

#include <libpq-fe.h>

#include "common/buf.h"
#include "server/context.h"

/* What is asked once for all the families it serves; in the order of the answer. */
enum metric_source {
    METRIC_ACCOUNT_COUNTERS,
    METRIC_BACKLOG,
    METRIC_UNTOLD,
    METRIC_DURATIONS,
    METRIC_REPLIES,
    METRIC_SERVICE,
    METRIC_DATABASE,
    METRIC_PROCESS, /* this process itself; from here on no database is needed */
    METRIC_SOURCES,
};

/*
 * Write all families of one source.
 * res  the rows of the source's statement; NULL: there are none, and the families stand without
 *      samples.
 */
void metric_families_write(struct buf *out, enum metric_source source, const PGresult *res,
                           const struct context *context);

#endif
