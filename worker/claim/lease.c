/*
 * lease.c - the worker's epoch and heartbeat. See lease.h.
 */
#include "worker/claim/lease.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "sql/statements.h"

enum { LEASE_BEATS_PER_LEASE = 5, LEASE_RETRY_MS = 1000 };

struct lease {
    struct event_loop *loop;
    struct db_async *db;
    const struct config *config;
    lease_epoch_fn *fn;
    void *arg;
    int64_t epoch;    /* 0: between two lives */
    struct mark mark; /* what was last seen of the database, also by a process before this one */
    bool asking;      /* a registration or heartbeat is under way */
    bool ended;
    int64_t asked_ms;     /* when it was sent: the database's now() cannot be earlier */
    int64_t confirmed_ms; /* asked_ms of the last heartbeat that was confirmed */
    uint32_t in_flight;
    struct event_timer timer;
};

static void lease_tick(void *arg);

static void lease_schedule(struct lease *lease, int64_t delay_ms)
{
    if (!lease->ended)
        event_timer_start(lease->loop, &lease->timer, delay_ms, lease_tick, lease);
}

static int64_t lease_beat_ms(const struct lease *lease)
{
    return lease->config->lease_seconds * 1000 / LEASE_BEATS_PER_LEASE;
}

/* One question at a time; an answer, or none, decides when the next is asked. */
static void lease_ask(struct lease *lease, const struct db_stmt *stmt,
                      const struct db_params *params, db_done_fn *done)
{
    struct error err;

    lease->asking = true;
    lease->asked_ms = event_loop_now_ms(lease->loop);
    if (db_async_run(lease->db, stmt, params, done, lease, &err)) {
        lease->asking = false;
        lease_schedule(lease, LEASE_RETRY_MS);
    }
}

static void lease_remember(struct lease *lease)
{
    struct error err;

    if (mark_save(lease->config->state_dir, &lease->mark, &err))
        log_error(LOG_WARN, "claim", "mark_not_kept", &err);
}

static void lease_log_restore(const PGresult *res)
{
    struct log_line l;

    log_begin(&l, LOG_ERROR, "claim", "restore_found");
    log_str(&l, "lost_from", db_str(res, 0, 5));
    log_str(&l, "lost_to", db_str(res, 0, 6));
    log_str(&l, "note",
            "the database is in an earlier state than it was seen in: nothing is sent until "
            "SELECT mailproxy.confirm_restore(), see docs/restore.md");
    log_end(&l);
}

static void lease_registered(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct lease *lease = arg;
    struct log_line l;

    lease->asking = false;
    if (lease->ended)
        return;
    if (rc) {
        log_error(LOG_WARN, "claim", "register_failed", err);
        lease_schedule(lease, LEASE_RETRY_MS);
        return;
    }
    lease->epoch = db_int(res, 0, 0);
    lease->mark = (struct mark){.epoch = lease->epoch,
                                .started_us = db_int(res, 0, 1),
                                .heartbeat_us = db_int(res, 0, 2),
                                .instance_epoch = db_int(res, 0, 3)};
    lease_remember(lease);
    lease->confirmed_ms = lease->asked_ms;
    log_begin(&l, LOG_INFO, "claim", "registered");
    log_int(&l, "epoch", lease->epoch);
    log_end(&l);
    if (db_bool(res, 0, 4))
        lease_log_restore(res);
    lease_schedule(lease, lease_beat_ms(lease));
    lease->fn(lease->arg, lease->epoch);
}

static void lease_register(struct lease *lease)
{
    struct db_params params = {0};
    const int64_t seen[] = {lease->mark.instance_epoch, lease->mark.epoch, lease->mark.started_us,
                            lease->mark.heartbeat_us};
    char host[256] = "unknown";

    (void)gethostname(host, sizeof(host) - 1);
    db_param_text(&params, host);
    db_param_int(&params, getpid());
    db_param_text(&params, MAILPROXY_VERSION);
    db_param_int(&params, lease->config->lease_seconds);
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        if (lease->mark.epoch)
            db_param_int(&params, seen[i]);
        else
            db_param_null(&params);
    }
    lease_ask(lease, &SQL_INSERT_WORKER, &params, lease_registered);
}

static void lease_beaten(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct lease *lease = arg;
    struct log_line l;

    lease->asking = false;
    if (lease->ended)
        return;
    if (rc) {
        log_error(LOG_WARN, "claim", "heartbeat_failed", err);
        lease_schedule(lease, lease_beat_ms(lease) / 2);
        return;
    }
    if (PQntuples(res) == 1) {
        lease->confirmed_ms = lease->asked_ms;
        lease->mark.heartbeat_us = db_int(res, 0, 0);
        lease->mark.instance_epoch = db_int(res, 0, 1);
        lease_remember(lease);
        lease_schedule(lease, lease_beat_ms(lease));
        return;
    }
    log_begin(&l, LOG_ERROR, "claim", "lease_lost");
    log_int(&l, "epoch", lease->epoch);
    log_str(
        &l, "note",
        "another worker took over what this one held, or the database was restored; it finishes "
        "nothing more under this epoch");
    log_end(&l);
    lease->epoch = 0;
    lease->fn(lease->arg, 0);
}

static void lease_beat(struct lease *lease)
{
    struct db_params params = {0};

    db_param_int(&params, lease->epoch);
    db_param_int(&params, lease->in_flight);
    db_param_int(&params, lease->mark.started_us);
    db_param_int(&params, lease->mark.heartbeat_us);
    lease_ask(lease, &SQL_BEAT_WORKER, &params, lease_beaten);
}

static void lease_tick(void *arg)
{
    struct lease *lease = arg;

    if (lease->asking || lease->ended)
        return;
    if (lease->epoch)
        lease_beat(lease);
    else
        lease_register(lease);
}

enum err lease_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                   lease_epoch_fn *fn, void *arg, struct lease **ret, struct error *err)
{
    struct lease *lease = calloc(1, sizeof(*lease));
    enum err rc;

    if (!lease)
        return error_set(err, ERR_NOMEM, "out of memory for the lease");
    rc = mark_load(config->state_dir, &lease->mark, err);
    if (rc) {
        free(lease);
        return rc;
    }
    lease->loop = loop;
    lease->db = db;
    lease->config = config;
    lease->fn = fn;
    lease->arg = arg;
    lease_schedule(lease, 0);
    *ret = lease;
    return ERR_OK;
}

void lease_free(struct lease *lease)
{
    if (!lease)
        return;
    event_timer_stop(lease->loop, &lease->timer);
    free(lease);
}

bool lease_is_valid(const struct lease *lease)
{
    /* A tenth is kept back for what is on its way to a relay when the question is asked. */
    int64_t valid_ms = lease->config->lease_seconds * 900;

    /* The clock itself, not the loop's idea of it: the process may have been stopped in the middle
     * of this turn. */
    return lease->epoch && clock_mono_ms() - lease->confirmed_ms < valid_ms;
}

const struct mark *lease_mark(const struct lease *lease)
{
    return &lease->mark;
}

void lease_set_in_flight(struct lease *lease, uint32_t messages)
{
    lease->in_flight = messages;
}

void lease_beat_now(struct lease *lease)
{
    if (lease->epoch)
        lease_schedule(lease, 0);
}

void lease_renew(struct lease *lease)
{
    if (!lease->epoch)
        lease_schedule(lease, 0);
}

void lease_end(struct lease *lease, db_done_fn *done, void *arg)
{
    struct db_params params = {0};
    struct error err;

    lease->ended = true;
    event_timer_stop(lease->loop, &lease->timer);
    db_param_int(&params, lease->epoch);
    if (db_async_run(lease->db, &SQL_END_WORKER, &params, done, arg, &err) && done)
        done(arg, err.code, NULL, &err);
}
