/*
 * traffic.h - what this process has answered over HTTP: counters that any thread may raise.
 *
 * Each is an atomic integer of its own, so no thread waits for another. Series are bounded by the
 * route table: a request that no route was found for counts under its method alone, never under
 * what it asked for.
 */
#ifndef SERVER_HTTP_TRAFFIC_H
#define SERVER_HTTP_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "server/http/router.h"

enum { TRAFFIC_STATUS_MIN = 100, TRAFFIC_STATUSES = 500, TRAFFIC_BOUNDS = 12 };

struct traffic;

/* `routes` as the listener's; borrowed. */
enum err traffic_new(const struct route *routes, struct traffic **ret,
                     struct error *err) MUST_CHECK;
void traffic_free(struct traffic *traffic);

void traffic_connected(struct traffic *traffic);
void traffic_disconnected(struct traffic *traffic);
void traffic_begin(struct traffic *traffic);
/* `route` NULL: none was found. `method` is looked at only then; NULL: there was none. */
void traffic_end(struct traffic *traffic, const struct route *route, const char *method, int status,
                 int64_t took_us);

/* Reading, while others go on counting. */
struct traffic_row {
    const char *method, *route;           /* borrowed from the traffic */
    uint64_t by_status[TRAFFIC_STATUSES]; /* from TRAFFIC_STATUS_MIN */
    uint64_t up_to[TRAFFIC_BOUNDS + 1];   /* requests up to each bound, and all of them */
    double seconds;                       /* all together */
};

extern const double traffic_bounds_s[TRAFFIC_BOUNDS];

size_t traffic_rows(const struct traffic *traffic);
void traffic_read(const struct traffic *traffic, size_t row, struct traffic_row *ret);
int64_t traffic_in_flight(const struct traffic *traffic);
int64_t traffic_connections(const struct traffic *traffic);

#endif
