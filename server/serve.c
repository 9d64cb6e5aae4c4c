/*
 * serve.c - start, wait, stop. See serve.h.
 */
#include "server/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "common/clock.h"
#include "common/db_target.h"
#include "common/log.h"
#include "common/migrate.h"
#include "common/planner.h"
#include "common/time_zone.h"
#include "server/context.h"
#include "server/http/caller.h"
#include "server/http/listener.h"
#include "server/http/traffic.h"
#include "server/intake/group.h"
#include "server/intake/lookup.h"
#include "server/notifier.h"
#include "server/routes/metrics.h"
#include "server/routes/routes.h"
#include "server/turnstile.h"
#include "sql/statements.h"

#define SERVE_APPLICATION_NAME "mailproxy-server"

enum {
    SERVE_PARTITIONS_S = 10,
    SERVE_POOL_WAIT_MS = 1000,
    SERVE_LOOKS_SHARE = 4, /* of so many connections one may be somebody's who looks */
};

/* Workers make them as well; but messages are taken while no worker runs, be it for weeks, and none
 * may find that there is no room for it. */
static void serve_make_partitions(struct db_conn *db)
{
    struct db_params none = {0};
    PGresult *res = NULL;
    struct error err;

    if (db_run(db, &SQL_CREATE_PARTITIONS, &none, &res, &err))
        log_error(LOG_WARN, "http", "partitions_not_made", &err);
    PQclear(res);
}

/* mailproxy.send() holds messages against the limits that the API has. */
static enum err serve_store_limits(struct db_conn *db, const struct config *config,
                                   struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_int(&params, config->max_message_bytes);
    db_param_int(&params, config->max_attachment_bytes);
    db_param_int(&params, config->default_priority);
    rc = db_run(db, &SQL_STORE_LIMITS, &params, &res, err);
    PQclear(res);
    return rc;
}

/* Is the database there, its schema the one we were built for, and does it know our time zone? */
static enum err serve_check_database(struct db_pool *pool, const struct config *config,
                                     struct error *err)
{
    struct db_conn *db = NULL;
    enum err rc = db_pool_take(pool, 0, &db, err);

    if (!rc)
        rc = migrate_check(db, err);
    if (!rc)
        rc = time_zone_check(db, config->timezone, err);
    if (!rc)
        rc = serve_store_limits(db, config, err);
    if (!rc)
        planner_check(db, "http");
    if (!rc)
        serve_make_partitions(db);
    db_pool_give(pool, db);
    return rc;
}

/* SIGTERM and SIGINT wait for sigwait(): blocked here, before the first thread, they are blocked in
 * every thread. */
static void serve_block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret, NULL);
    signal(SIGPIPE, SIG_IGN); /* a client that went away is an error of its write() */
}

/* Until a signal comes. */
static void serve_sleep(const sigset_t *signals, struct db_pool *pool, int *ret_signal)
{
    static const struct timespec chore_pause = {.tv_sec = SERVE_PARTITIONS_S};

    while ((*ret_signal = sigtimedwait(signals, NULL, &chore_pause)) < 0) {
        struct db_conn *db = NULL;
        struct error err;

        if (errno != EAGAIN)
            continue;
        if (!db_pool_take(pool, SERVE_POOL_WAIT_MS, &db, &err))
            serve_make_partitions(db);
        db_pool_give(pool, db);
    }
}

static void serve_wait(const sigset_t *signals, const struct config *config, struct db_pool *pool)
{
    struct log_line l;
    int caught = 0;

    log_begin(&l, LOG_INFO, "http", "start");
    log_str(&l, "version", MAILPROXY_VERSION);
    log_str(&l, "host", config->host);
    log_int(&l, "port", config->port);
    if (!config->api_token)
        log_str(&l, "note",
                "no admin token is set: whoever reaches this address may do everything");
    log_end(&l);
    serve_sleep(signals, pool, &caught);
    log_begin(&l, LOG_INFO, "http", "stop");
    log_str(&l, "signal", caught == SIGTERM ? "SIGTERM" : "SIGINT");
    log_end(&l);
}

/* What small requests do together. */
static enum err serve_gather(struct context *context, struct error *err)
{
    int64_t wait_ms = context->config->db_pool_wait_ms;
    enum err rc = gather_new(context->pool, wait_ms, caller_find_jobs, &context->callers, err);

    if (!rc)
        rc = gather_new(context->pool, wait_ms, lookup_jobs, &context->lookups, err);
    if (!rc)
        rc = gather_new(context->pool, wait_ms, group_store_jobs, &context->group, err);
    return rc;
}

static uint32_t serve_count_looks(const struct config *config)
{
    int64_t count = config->db_pool_size / SERVE_LOOKS_SHARE;

    return count > 0 ? (uint32_t)count : 1;
}

enum err serve_run(const struct config *config, struct error *err)
{
    struct context context = {.config = config, .started_us = clock_wall_us()};
    struct secret_ring *keys = NULL;
    struct listener *listener = NULL;
    sigset_t signals;
    enum err rc = secret_ring_new(config->encryption_key, &keys, err);

    serve_block_signals(&signals);
    if (!rc)
        rc = db_pool_new(db_target_pooled(config), SERVE_APPLICATION_NAME,
                         (uint32_t)config->db_pool_size, &context.pool, err);
    if (!rc)
        rc = serve_check_database(context.pool, config, err);
    if (!rc)
        rc = serve_gather(&context, err);
    if (!rc)
        rc = notifier_new(db_target_pooled(config), &context.notifier, err);
    context.keys = keys;
    if (!rc)
        rc = traffic_new(routes, &context.traffic, err);
    if (!rc)
        rc = metrics_new(&context.metrics, err);
    if (!rc)
        rc = turnstile_new(serve_count_looks(config), &context.looks, err);
    if (!rc)
        rc = listener_new(&context, routes, &listener, err);
    if (!rc)
        serve_wait(&signals, config, context.pool);
    listener_free(listener);
    turnstile_free(context.looks);
    metrics_free(context.metrics);
    traffic_free(context.traffic);
    notifier_free(context.notifier);
    gather_free(context.group);
    gather_free(context.lookups);
    gather_free(context.callers);
    db_pool_free(context.pool);
    secret_ring_free(keys);
    return rc;
}
