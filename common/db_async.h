/*
 * db_async.h - a connection to PostgreSQL that never blocks its event loop.
 *
 * Statements are sent in pipeline mode in the order given, each its own transaction; `done` is
 * called for each in the same order, from the loop. While the connection is down statements wait in
 * the queue, the connection is tried again with growing pauses (multi-host URLs follow a failover),
 * and statements that were under way when it broke end with ERR_DB_GONE: whether they took effect
 * is unknown.
 */
#ifndef COMMON_DB_ASYNC_H
#define COMMON_DB_ASYNC_H

#include <libpq-fe.h>

#include "common/db.h"
#include "common/event.h"

struct db_async;

/* res is borrowed, NULL on failure; err is NULL on success. */
typedef void db_done_fn(void *arg, enum err rc, const PGresult *res, const struct error *err);
typedef void db_notify_fn(void *arg, const char *channel, const char *payload);
typedef void db_state_fn(void *arg, bool connected,
                         const struct error *err); /* err: why not; NULL when connected */

enum err db_async_new(struct event_loop *loop, struct db_target target,
                      const char *application_name, struct db_async **ret,
                      struct error *err) MUST_CHECK;
/* Statements still queued end with ERR_DB_GONE before this returns. */
void db_async_free(struct db_async *db);
void db_async_on_state(struct db_async *db, db_state_fn *fn, void *arg);
/* LISTEN on `channel` from the next connect on, and after every reconnect: call it right after
 * db_async_new(). */
enum err db_async_listen(struct db_async *db, const char *channel, db_notify_fn *fn, void *arg,
                         struct error *err) MUST_CHECK;

/* Copies params. `done` may be NULL. */
enum err db_async_run(struct db_async *db, const struct db_stmt *stmt,
                      const struct db_params *params, db_done_fn *done, void *arg,
                      struct error *err) MUST_CHECK;
bool db_async_is_connected(const struct db_async *db);

#endif
