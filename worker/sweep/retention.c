/*
 * retention.c - messages and partitions past their time. See retention.h.
 */
#include "worker/sweep/retention.h"

#include <stdlib.h>

#include "common/log.h"
#include "sql/statements.h"

enum {
    RETENTION_DROP_MS = 3600 * 1000,
    RETENTION_IN_USE_MS = 20 * 1000, /* then its table is tried again */
    RETENTION_PURGE_MS = 60 * 1000,
    RETENTION_PAGE_MS = 20, /* between two pages: others come in between */
    RETENTION_PASS_S = 3600,
    RETENTION_RETRY_MS = 5000,
};

struct retention {
    struct event_loop *loop;
    struct db_async *db;
    const struct config *config;
    struct event_timer drop, purge;
    bool active, dropping, purging;
};

static void retention_ask(struct retention *r, bool *asking, const struct db_stmt *stmt,
                          const struct db_params *params, db_done_fn *done, event_timer_fn *again,
                          struct event_timer *timer)
{
    struct error err;

    if (!r->active)
        return;
    *asking = true;
    if (db_async_run(r->db, stmt, params, done, r, &err)) {
        *asking = false;
        log_error(LOG_WARN, "sweep", stmt->name, &err);
        event_timer_start(r->loop, timer, RETENTION_RETRY_MS, again, r);
    }
}

/* ---- partitions ---- */

static void retention_drop(void *arg);

static void retention_dropped(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct retention *r = arg;
    int64_t wait_ms = RETENTION_DROP_MS;

    r->dropping = false;
    if (rc) {
        if (rc != ERR_DB_GONE)
            log_error(LOG_WARN, "sweep", "chore_failed", err);
        wait_ms = RETENTION_RETRY_MS;
    } else if (!db_is_null(res, 0, 0) || !db_is_null(res, 0, 1)) {
        bool dropped = !db_is_null(res, 0, 0);
        struct log_line l;

        log_begin(&l, LOG_INFO, "sweep", dropped ? "partition_dropped" : "partition_in_use");
        log_str(&l, "name", db_str(res, 0, dropped ? 0 : 1));
        log_end(&l);
        wait_ms = dropped ? 0 : RETENTION_IN_USE_MS;
    }
    event_timer_start(r->loop, &r->drop, wait_ms, retention_drop, r);
}

static void retention_drop(void *arg)
{
    struct retention *r = arg;
    struct db_params params = {0};

    db_param_int(&params, r->config->content_retention_seconds);
    db_param_int(&params, r->config->history_retention_seconds);
    retention_ask(r, &r->dropping, &SQL_DROP_PARTITION, &params, retention_dropped, retention_drop,
                  &r->drop);
}

/* ---- messages ---- */

static void retention_purge(void *arg);

/* Between two passes: the hour, or, where messages are kept for less than ten, a tenth of that. */
static int64_t retention_pass_s(const struct retention *r)
{
    int64_t tenth_s = r->config->delivery_report_retention_seconds / 10;

    if (tenth_s > RETENTION_PASS_S)
        return RETENTION_PASS_S;
    return tenth_s > 0 ? tenth_s : 1;
}

static void retention_purged(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct retention *r = arg;
    int64_t wait_ms = retention_pass_s(r) * 1000;

    r->purging = false;
    if (wait_ms > RETENTION_PURGE_MS)
        wait_ms = RETENTION_PURGE_MS;
    if (rc) {
        if (rc != ERR_DB_GONE)
            log_error(LOG_WARN, "sweep", "chore_failed", err);
        wait_ms = RETENTION_RETRY_MS;
    } else if (PQntuples(res) && !db_bool(res, 0, 1)) {
        wait_ms = RETENTION_PAGE_MS;
    } else if (PQntuples(res) && db_int(res, 0, 2)) {
        struct log_line l;

        log_begin(&l, LOG_INFO, "sweep", "messages_purged");
        log_int(&l, "messages", db_int(res, 0, 2));
        log_end(&l);
    }
    event_timer_start(r->loop, &r->purge, wait_ms, retention_purge, r);
}

static void retention_purge(void *arg)
{
    struct retention *r = arg;
    struct db_params params = {0};

    db_param_int(&params, r->config->delivery_report_retention_seconds);
    db_param_int(&params, retention_pass_s(r));
    retention_ask(r, &r->purging, &SQL_PURGE_MESSAGES, &params, retention_purged, retention_purge,
                  &r->purge);
}

/* ---- what callers see ---- */

void retention_set_active(struct retention *r, bool active)
{
    r->active = active;
    event_timer_stop(r->loop, &r->drop);
    event_timer_stop(r->loop, &r->purge);
    if (!active)
        return;
    if (!r->dropping)
        event_timer_start(r->loop, &r->drop, 0, retention_drop, r);
    if (!r->purging && r->config->delivery_report_retention_seconds)
        event_timer_start(r->loop, &r->purge, 0, retention_purge, r);
}

enum err retention_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                       struct retention **ret, struct error *err)
{
    struct retention *r = calloc(1, sizeof(*r));

    if (!r)
        return error_set(err, ERR_NOMEM, "out of memory for what keeps the retention");
    r->loop = loop;
    r->db = db;
    r->config = config;
    *ret = r;
    return ERR_OK;
}

void retention_free(struct retention *r)
{
    if (!r)
        return;
    event_timer_stop(r->loop, &r->drop);
    event_timer_stop(r->loop, &r->purge);
    free(r);
}
