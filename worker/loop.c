/*
 * loop.c - the worker's stages on one event loop. See loop.h.
 *
 * This file builds the stages, ties them together, and sees to the worker's lives and their ends; a
 * message's way through them is in flow.h.
 */
#include "worker/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/db_target.h"
#include "common/event.h"
#include "common/log.h"
#include "common/secret.h"
#include "worker/authorize/keeper.h"
#include "worker/claim/suspension.h"
#include "worker/compose/compose.h"
#include "worker/flow.h"
#include "worker/http_client.h"
#include "worker/report/report.h"
#include "worker/sweep/retention.h"
#include "worker/sweep/sweep.h"
#include "worker/transfer.h"

#define LOOP_CHANNEL "mailproxy_wake"

enum { LOOP_GOODBYE_MS = 5000 }; /* for the last results and the goodbye, once the grace is over */

struct worker {
    const struct config *config;
    struct event_loop *loop;
    struct secret_ring *keys;
    struct db_async *listen, *work, *record, *bulk;
    struct transfers *transfers;
    struct http_client *http;
    struct keeper *keeper;
    struct flow flow; /* and the stages a message goes through */
    struct suspension *suspension;
    struct reporter *reporter;
    struct sweeper *sweeper;
    struct retention *retention;
    bool lost;     /* the lease was lost: drain, then begin a new life */
    bool stopping; /* SIGTERM came */
    bool cut;      /* the grace is over: what was on its way will have no result */
    bool ending;   /* goodbye was said */
    int signal_fd;
    struct event_timer grace;
};

static void loop_check_drained(void *arg);

static void loop_wake_reporter(void *arg)
{
    struct worker *w = arg;

    reporter_wake(w->reporter);
}

static bool loop_may_finish(void *arg)
{
    const struct worker *w = arg;

    if (w->lost)
        return false;
    if (!lease_is_valid(w->flow.lease))
        lease_beat_now(w->flow.lease); /* is it lost, or was the heartbeat only late? */
    return lease_is_valid(w->flow.lease);
}

static uint32_t loop_allowed_connections(void *arg, const char *tenant_id, const char *account_id)
{
    const struct worker *w = arg;

    return take_connections(w->flow.taker, tenant_id, account_id);
}

static void loop_account_proved(void *arg, const char *tenant_id, const char *account_id,
                                bool proven)
{
    struct worker *w = arg;

    take_prove(w->flow.taker, tenant_id, account_id, proven);
}

static void loop_wake_claims(void *arg)
{
    struct worker *w = arg;

    take_wake(w->flow.taker);
}

static void loop_notified(void *arg, const char *channel, const char *payload)
{
    struct worker *w = arg;

    (void)channel;
    if (!payload || !strcmp(payload, SUSPENSION_PAYLOAD)) /* NULL: any may have been missed */
        suspension_wake(w->suspension);
    take_wake(w->flow.taker);
    event_defer(w->loop, loop_wake_reporter, w);
}

static void loop_listening(void *arg, bool connected, const struct error *err)
{
    struct worker *w = arg;

    (void)err;
    if (connected) /* what was notified meanwhile was missed */
        loop_notified(w, NULL, NULL);
}

static void loop_work_state(void *arg, bool connected, const struct error *err)
{
    struct worker *w = arg;
    struct log_line l;

    if (!connected) {
        log_begin(&l, LOG_WARN, "claim", "database_gone");
        log_str(&l, "error", err->text);
        log_str(&l, "note", "retrying until it is back; what was sent meanwhile is recorded then");
        log_end(&l);
        return;
    }
    log_begin(&l, LOG_INFO, "claim", "database_connected");
    log_end(&l);
    sweep_connected(w->sweeper);
    lease_beat_now(w->flow.lease);
    take_reconnected(w->flow.taker);
}

/* ---- lives and their ends ---- */

static void loop_epoch_changed(void *arg, int64_t epoch)
{
    struct worker *w = arg;

    w->lost = epoch == 0;
    if (epoch && w->flow.pool)
        send_pool_close_idle(w->flow.pool); /* of the life before, whose grants are gone */
    take_set_epoch(w->flow.taker, w->stopping ? 0 : epoch);
    sweep_set_epoch(w->sweeper, w->stopping ? 0 : epoch);
    retention_set_active(w->retention, !w->stopping && epoch);
    suspension_set_epoch(w->suspension, w->stopping ? 0 : epoch);
    reporter_set_epoch(w->reporter, epoch);
    if (w->lost)
        flow_drop_unsent(&w->flow);
    else
        reporter_wake(w->reporter);
    event_defer(w->loop, loop_check_drained, w);
}

static void loop_goodbye_said(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct worker *w = arg;

    (void)res;
    if (rc)
        log_error(LOG_WARN, "claim", "goodbye_failed", err);
    event_loop_stop(w->loop);
}

/* The database does not answer: leave without a goodbye, the heartbeat runs out instead. */
static void loop_stop(void *arg)
{
    struct worker *w = arg;

    event_loop_stop(w->loop);
}

static void loop_end(struct worker *w)
{
    if (w->ending)
        return;
    w->ending = true;
    event_timer_start(w->loop, &w->grace, LOOP_GOODBYE_MS, loop_stop, w);
    if (!db_async_is_connected(w->work)) {
        loop_stop(w);
        return;
    }
    lease_end(w->flow.lease, loop_goodbye_said, w);
}

static void loop_grace_over(void *arg)
{
    struct worker *w = arg;
    struct log_line l;

    log_begin(&l, LOG_WARN, "claim", "grace_over");
    log_int(&l, "in_flight", w->flow.jobs);
    log_str(&l, "note", "connections are cut; what was under way is handed back");
    log_end(&l);
    event_timer_start(w->loop, &w->grace, LOOP_GOODBYE_MS, loop_stop, w);
    send_pool_free(w->flow.pool); /* before others may claim what it was sending */
    w->flow.pool = NULL;
    w->cut = true;
    if (db_async_is_connected(w->record))
        loop_check_drained(w);
    else
        loop_end(w);
}

static void loop_check_drained(void *arg)
{
    struct worker *w = arg;

    if (w->cut ? batch_pending(w->flow.recorder) > 0 : !flow_is_drained(&w->flow))
        return;
    if (w->cut || (w->stopping && !reporter_in_flight(w->reporter)))
        loop_end(w);
    else if (w->lost && !w->stopping)
        lease_renew(w->flow.lease);
}

/* A job has ended: there may be something to tell a tenant, or nothing left to wait for. */
static void loop_moved(void *arg)
{
    struct worker *w = arg;

    reporter_wake(w->reporter);
    loop_check_drained(w);
}

static void loop_signalled(void *arg, int fd, unsigned ready)
{
    struct worker *w = arg;
    struct signalfd_siginfo info;
    struct log_line l;

    (void)ready;
    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (w->stopping) {
        if (info.ssi_signo == SIGINT) /* somebody at a terminal asks again: now */
            loop_grace_over(w);
        return;
    }
    w->stopping = true;
    w->flow.closed = true;
    log_begin(&l, LOG_INFO, "claim", "stopping");
    log_int(&l, "in_flight", w->flow.jobs);
    log_int(&l, "grace_s", w->config->shutdown_grace_seconds);
    log_end(&l);
    take_set_epoch(w->flow.taker, 0);
    sweep_set_epoch(w->sweeper, 0);
    retention_set_active(w->retention, false);
    suspension_set_epoch(w->suspension, 0);
    reporter_stop(w->reporter);
    flow_drop_unsent(&w->flow);
    event_timer_start(w->loop, &w->grace, w->config->shutdown_grace_seconds * 1000, loop_grace_over,
                      w);
    event_defer(w->loop, loop_check_drained, w);
}

/* ---- building it all ---- */

static enum err loop_open_databases(struct worker *w, struct error *err)
{
    struct db_target target = db_target_pooled(w->config);
    enum err rc = db_async_new(w->loop, db_target_direct(w->config), "mailproxy-worker listen",
                               &w->listen, err);

    if (!rc)
        rc = db_async_listen(w->listen, LOOP_CHANNEL, loop_notified, w, err);
    if (!rc)
        rc = db_async_new(w->loop, target, "mailproxy-worker claim", &w->work, err);
    if (!rc)
        rc = db_async_new(w->loop, target, "mailproxy-worker record", &w->record, err);
    if (!rc)
        rc = db_async_new(w->loop, target, "mailproxy-worker bulk", &w->bulk, err);
    if (rc)
        return rc;
    db_async_on_state(w->listen, loop_listening, w);
    db_async_on_state(w->work, loop_work_state, w);
    return ERR_OK;
}

static enum err loop_open_stages(struct worker *w, struct error *err)
{
    const struct take_calls calls = {.arg = &w->flow,
                                     .got = flow_got_claim,
                                     .list_tokens = flow_list_tokens,
                                     .seen = flow_seen,
                                     .count_connections = flow_count_connections};
    const struct send_calls send = {.arg = w,
                                    .may_finish = loop_may_finish,
                                    .allowed = loop_allowed_connections,
                                    .proved = loop_account_proved};
    enum err rc;

    w->flow.config = w->config;
    w->flow.memory.max_octets = w->config->worker_memory_bytes;
    w->flow.loop = w->loop;
    w->flow.moved = loop_moved;
    w->flow.moved_arg = w;
    rc = transfers_new(w->loop, &w->transfers, err);

    if (!rc)
        rc = http_client_new(w->transfers, w->config, &w->http, err);
    if (!rc)
        rc = take_new(w->loop, w->work, w->config, &calls, &w->flow.taker, err);
    if (!rc)
        rc = compose_room_new(w->config, w->bulk, w->http, w->keys, &w->flow.memory,
                              &w->flow.compose, err);
    if (!rc)
        rc = keeper_new(w->loop, w->bulk, w->http, w->keys, &w->keeper, err);
    if (!rc)
        rc = send_pool_new(w->loop, w->transfers, w->config, w->keys, w->keeper, &send,
                           &w->flow.pool, err);
    if (!rc)
        rc = batch_new(w->loop, w->record, flow_recorded, &w->flow, &w->flow.recorder, err);
    if (!rc)
        rc = reporter_new(w->loop, w->bulk, w->http, w->config, w->keys, &w->reporter, err);
    if (!rc)
        reporter_on_idle(w->reporter, loop_check_drained, w);
    if (!rc)
        rc = sweep_new(w->loop, w->work, w->config, loop_wake_claims, w, &w->sweeper, err);
    if (!rc)
        rc = retention_new(w->loop, w->work, w->config, &w->retention, err);
    if (!rc)
        rc = suspension_new(w->loop, w->work, flow_hand_back, &w->flow, &w->suspension, err);
    if (!rc)
        rc = lease_new(w->loop, w->work, w->config, loop_epoch_changed, w, &w->flow.lease, err);
    return rc;
}

static enum err loop_watch_signals(struct worker *w, struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before any thread starts, so that all inherit it */
    w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (w->signal_fd < 0)
        return error_set(err, ERR_IO, "signalfd failed");
    return event_watch(w->loop, w->signal_fd, EVENT_READ, loop_signalled, w, err);
}

/*
 * The connections first, while those who wait for their answers are still there to be told that
 * none will come. What is still under way is dropped: its leases were handed back or run out.
 */
static void loop_close(struct worker *w)
{
    send_pool_free(w->flow.pool);
    db_async_free(w->bulk);
    db_async_free(w->record);
    db_async_free(w->work);
    db_async_free(w->listen);
    flow_cancel(&w->flow);
    compose_room_free(w->flow.compose);
    reporter_free(w->reporter);
    keeper_free(w->keeper);
    http_client_free(w->http);
    sweep_free(w->sweeper);
    retention_free(w->retention);
    batch_free(w->flow.recorder);
    lease_free(w->flow.lease);
    suspension_free(w->suspension);
    take_free(w->flow.taker);
    flow_clear(&w->flow);
    transfers_free(w->transfers);
    secret_ring_free(w->keys);
    if (w->signal_fd >= 0)
        close(w->signal_fd);
    event_loop_free(w->loop);
}

enum err loop_run(const struct config *config, struct error *err)
{
    struct worker w = {.config = config, .signal_fd = -1};
    struct log_line l;
    enum err rc;

    srandom((unsigned)(clock_wall_us() ^ getpid()));
    compose_init();
    rc = secret_ring_new(config->encryption_key, &w.keys, err);
    if (!rc)
        rc = event_loop_new(&w.loop, err);
    if (!rc)
        rc = loop_watch_signals(&w, err);
    if (!rc)
        rc = loop_open_databases(&w, err);
    if (!rc)
        rc = loop_open_stages(&w, err);
    if (!rc) {
        log_begin(&l, LOG_INFO, "claim", "started");
        log_str(&l, "version", MAILPROXY_VERSION);
        log_int(&l, "pid", getpid());
        if (!config->state_dir)
            log_str(&l, "note",
                    "GMP_STATE_DIR is not set: a restore of the database is not noticed across a "
                    "restart of this worker");
        log_end(&l);
        rc = event_loop_run(w.loop, err);
    }
    loop_close(&w);
    if (!rc) {
        log_begin(&l, LOG_INFO, "claim", "stopped");
        log_end(&l);
    }
    return rc;
}
