/*
 * traffic.c - requests counted. See traffic.h.
 */
#include "server/http/traffic.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TRAFFIC_UNMATCHED "unmatched"

const double traffic_bounds_s[TRAFFIC_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                 0.1,   0.25,   0.5,   1,    2.5,   10};

/* Methods of requests without a route; whatever else a client makes up is the last one. */
static const char *const traffic_methods[] = {"GET",   "HEAD",   "POST",    "PUT",
                                              "PATCH", "DELETE", "OPTIONS", "other"};

enum { TRAFFIC_METHODS = sizeof(traffic_methods) / sizeof(traffic_methods[0]) };

/* Counters are written by many and read by few; each stands for itself, so no order is asked for.
 */
struct traffic_counters {
    _Atomic uint64_t by_status[TRAFFIC_STATUSES];
    _Atomic uint64_t
        by_bound[TRAFFIC_BOUNDS + 1]; /* not above this bound, but above the one before */
    _Atomic uint64_t took_us;
};

struct traffic {
    const struct route *routes; /* borrowed */
    size_t route_count;
    _Atomic int64_t connections, in_flight;
    struct traffic_counters rows[]; /* one for each route, then one for each of traffic_methods */
};

enum err traffic_new(const struct route *routes, struct traffic **ret, struct error *err)
{
    struct traffic *traffic;
    size_t count = 0;

    while (routes[count].path)
        count++;
    traffic =
        calloc(1, sizeof(*traffic) + (count + TRAFFIC_METHODS) * sizeof(struct traffic_counters));
    if (!traffic)
        return error_set(err, ERR_NOMEM, "out of memory for the request counters");
    traffic->routes = routes;
    traffic->route_count = count;
    *ret = traffic;
    return ERR_OK;
}

void traffic_free(struct traffic *traffic)
{
    free(traffic);
}

static void traffic_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t traffic_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void traffic_connected(struct traffic *traffic)
{
    atomic_fetch_add_explicit(&traffic->connections, 1, memory_order_relaxed);
}

void traffic_disconnected(struct traffic *traffic)
{
    atomic_fetch_sub_explicit(&traffic->connections, 1, memory_order_relaxed);
}

void traffic_begin(struct traffic *traffic)
{
    atomic_fetch_add_explicit(&traffic->in_flight, 1, memory_order_relaxed);
}

static size_t traffic_row_of(const struct traffic *traffic, const struct route *route,
                             const char *method)
{
    size_t i = 0;

    if (route)
        return (size_t)(route - traffic->routes);
    while (i < TRAFFIC_METHODS - 1 && (!method || strcmp(method, traffic_methods[i]) != 0))
        i++;
    return traffic->route_count + i;
}

void traffic_end(struct traffic *traffic, const struct route *route, const char *method, int status,
                 int64_t took_us)
{
    struct traffic_counters *row = &traffic->rows[traffic_row_of(traffic, route, method)];
    size_t bound = 0;

    if (status < TRAFFIC_STATUS_MIN || status >= TRAFFIC_STATUS_MIN + TRAFFIC_STATUSES)
        status = 599; /* none of ours */
    while (bound < TRAFFIC_BOUNDS && (double)took_us > traffic_bounds_s[bound] * 1e6)
        bound++;
    traffic_add(&row->by_status[status - TRAFFIC_STATUS_MIN], 1);
    traffic_add(&row->by_bound[bound], 1);
    traffic_add(&row->took_us, (uint64_t)took_us);
    atomic_fetch_sub_explicit(&traffic->in_flight, 1, memory_order_relaxed);
}

size_t traffic_rows(const struct traffic *traffic)
{
    return traffic->route_count + TRAFFIC_METHODS;
}

void traffic_read(const struct traffic *traffic, size_t row, struct traffic_row *ret)
{
    const struct traffic_counters *from = &traffic->rows[row];
    uint64_t sum = 0;

    if (row < traffic->route_count) {
        ret->method = traffic->routes[row].method;
        ret->route = traffic->routes[row].path;
    } else {
        ret->method = traffic_methods[row - traffic->route_count];
        ret->route = TRAFFIC_UNMATCHED;
    }
    for (size_t i = 0; i < TRAFFIC_STATUSES; i++)
        ret->by_status[i] = traffic_get(&from->by_status[i]);
    for (size_t i = 0; i <= TRAFFIC_BOUNDS; i++) {
        sum += traffic_get(&from->by_bound[i]);
        ret->up_to[i] = sum;
    }
    ret->seconds = (double)traffic_get(&from->took_us) / 1e6;
}

int64_t traffic_in_flight(const struct traffic *traffic)
{
    return atomic_load_explicit(&traffic->in_flight, memory_order_relaxed);
}

int64_t traffic_connections(const struct traffic *traffic)
{
    return atomic_load_explicit(&traffic->connections, memory_order_relaxed);
}
