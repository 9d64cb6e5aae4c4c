/*
 * retention.h - what is past its time leaves: messages that are final and told, row by row; their
 * content, attempts and events by the day.
 */
#ifndef WORKER_SWEEP_RETENTION_H
#define WORKER_SWEEP_RETENTION_H

#include <stdbool.h>

#include "common/config.h"
#include "common/db_async.h"

struct retention;

enum err retention_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                       struct retention **ret, struct error *err) MUST_CHECK;
void retention_free(struct retention *retention);
void retention_set_active(struct retention *retention, bool active); /* false: no chores */

#endif
