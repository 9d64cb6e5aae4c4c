/*
 * metrics.h - what GET /metrics keeps between two scrapes.
 *
 * What the database answered slowly is kept ten times as long as the answer took, so that scrapes,
 * however many, cost at most a tenth of one backend each; what it answered at once is asked again
 * every time. Scrapes ask one after the other.
 */
#ifndef SERVER_ROUTES_METRICS_H
#define SERVER_ROUTES_METRICS_H

#include "common/error.h"

struct metrics;

enum err metrics_new(struct metrics **ret, struct error *err) MUST_CHECK;
void metrics_free(struct metrics *metrics); /* NULL is fine */

#endif
