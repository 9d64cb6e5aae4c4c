/*
 * sweep.c - the chores between deliveries. See sweep.h.
 */
#include "worker/sweep/sweep.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "sql/statements.h"

enum {
    SWEEP_PROMOTE_MS = 250,
    SWEEP_PROMOTE_MAX = 1000,
    SWEEP_REAP_MS = 1000,
    SWEEP_PARTITIONS_MS = 3600 * 1000,
    SWEEP_FOLD_MS = 60 * 1000,
    SWEEP_RATES_MS = 60 * 1000,
    SWEEP_RATES_MAX = 5000,
    SWEEP_RAISE_MS = 10 * 1000,
    SWEEP_GIVE_UP_MS = 5000,
    SWEEP_FRONTS_MS = 5000,
    SWEEP_ID_OCTETS = 256, /* account_id_is_short, and a NUL */
    SWEEP_RETRY_MS = 1000,
    SWEEP_RECONNECT_MS =
        5000, /* db_async tries at least every 2 s, and a heartbeat follows at once */
};

struct sweep_chore {
    struct sweeper *sweeper;
    struct event_timer timer;
    bool asking;
};

/* Where the search for messages to give up goes on; two empty ids: at the beginning. */
struct sweep_place {
    char tenant_id[SWEEP_ID_OCTETS], account_id[SWEEP_ID_OCTETS];
    int64_t priority, message_pk;
};

struct sweeper {
    struct event_loop *loop;
    struct db_async *db;
    const struct config *config;
    sweep_work_fn *fn;
    void *arg;
    int64_t epoch;
    int64_t reap_from_ms; /* by the loop's clock */
    struct sweep_chore promote, reap, partitions, fold, rates, raise, give_up, fronts;
    struct sweep_place place;
};

/* Ask the database for one chore's work; the next turn follows its answer. */
static void sweep_ask(struct sweep_chore *chore, const struct db_stmt *stmt,
                      const struct db_params *params, db_done_fn *done, event_timer_fn *again)
{
    struct sweeper *s = chore->sweeper;
    struct error err;

    if (!s->epoch)
        return; /* no life to do it in: sweep_set_epoch() starts all chores again */
    chore->asking = true;
    if (db_async_run(s->db, stmt, params, done, s, &err)) {
        chore->asking = false;
        log_error(LOG_WARN, "sweep", stmt->name, &err);
        event_timer_start(s->loop, &chore->timer, SWEEP_RETRY_MS, again, s);
    }
}

/* true: the chore failed, which was logged, and is tried again. */
static bool sweep_failed(struct sweep_chore *chore, enum err rc, const struct error *err,
                         event_timer_fn *again)
{
    chore->asking = false;
    if (!rc)
        return false;
    if (rc != ERR_DB_GONE) /* the connection's state is logged where it changes */
        log_error(LOG_WARN, "sweep", "chore_failed", err);
    event_timer_start(chore->sweeper->loop, &chore->timer, SWEEP_RETRY_MS, again, chore->sweeper);
    return true;
}

/* ---- promote ---- */

static void sweep_promote(void *arg);

static void sweep_promoted(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;
    int64_t count;

    if (sweep_failed(&s->promote, rc, err, sweep_promote))
        return;
    count = db_int(res, 0, 0);
    if (count)
        s->fn(s->arg);
    event_timer_start(s->loop, &s->promote.timer, count == SWEEP_PROMOTE_MAX ? 0 : SWEEP_PROMOTE_MS,
                      sweep_promote, s);
}

static void sweep_promote(void *arg)
{
    struct sweeper *s = arg;
    struct db_params params = {0};

    db_param_int(&params, SWEEP_PROMOTE_MAX);
    sweep_ask(&s->promote, &SQL_PROMOTE_DUE, &params, sweep_promoted, sweep_promote);
}

/* ---- reap ---- */

static void sweep_reap(void *arg);

static void sweep_reaped(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;

    if (sweep_failed(&s->reap, rc, err, sweep_reap))
        return;
    for (int row = 0; row < PQntuples(res); row++) {
        struct log_line l;

        log_begin(&l, LOG_WARN, "sweep", "in_doubt");
        log_str(&l, "tenant", db_str(res, row, 1));
        log_str(&l, "message", db_str(res, row, 2));
        log_str(&l, "account", db_str(res, row, 3));
        log_int(&l, "attempt", db_int(res, row, 5));
        log_int(&l, "dead_worker", db_int(res, row, 4));
        log_str(&l, "note", "its worker died; it is sent again with the same Message-ID");
        log_end(&l);
    }
    if (PQntuples(res))
        s->fn(s->arg);
    event_timer_start(s->loop, &s->reap.timer, SWEEP_REAP_MS, sweep_reap, s);
}

static void sweep_reap(void *arg)
{
    struct sweeper *s = arg;
    struct db_params params = {0};
    int64_t wait_ms = s->reap_from_ms - event_loop_now_ms(s->loop);

    if (wait_ms > 0) {
        event_timer_start(s->loop, &s->reap.timer, wait_ms, sweep_reap, s);
        return;
    }
    db_param_int(&params, s->epoch);
    sweep_ask(&s->reap, &SQL_REAP_WORKERS, &params, sweep_reaped, sweep_reap);
}

/* ---- partitions ---- */

static void sweep_partitions(void *arg);

static void sweep_partitioned(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;
    struct log_line l;

    if (sweep_failed(&s->partitions, rc, err, sweep_partitions))
        return;
    if (db_int(res, 0, 0)) {
        log_begin(&l, LOG_INFO, "sweep", "partitions_created");
        log_int(&l, "count", db_int(res, 0, 0));
        log_end(&l);
    }
    event_timer_start(s->loop, &s->partitions.timer, SWEEP_PARTITIONS_MS, sweep_partitions, s);
}

static void sweep_partitions(void *arg)
{
    struct sweeper *s = arg;
    struct db_params none = {0};

    sweep_ask(&s->partitions, &SQL_CREATE_PARTITIONS, &none, sweep_partitioned, sweep_partitions);
}

/* ---- fold the counters of workers that have ended ---- */

static void sweep_fold(void *arg);

static void sweep_folded(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;

    (void)res;
    if (!sweep_failed(&s->fold, rc, err, sweep_fold))
        event_timer_start(s->loop, &s->fold.timer, SWEEP_FOLD_MS, sweep_fold, s);
}

static void sweep_fold(void *arg)
{
    struct sweeper *s = arg;
    struct db_params none = {0};

    sweep_ask(&s->fold, &SQL_FOLD_COUNTERS, &none, sweep_folded, sweep_fold);
}

/* ---- rates: what counts against no limit any more ---- */

static void sweep_rates(void *arg);

static void sweep_rates_purged(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;

    if (sweep_failed(&s->rates, rc, err, sweep_rates))
        return;
    event_timer_start(s->loop, &s->rates.timer,
                      db_int(res, 0, 0) >= SWEEP_RATES_MAX ? 0 : SWEEP_RATES_MS, sweep_rates, s);
}

static void sweep_rates(void *arg)
{
    struct sweeper *s = arg;
    struct db_params params = {0};

    db_param_int(&params, SWEEP_RATES_MAX);
    sweep_ask(&s->rates, &SQL_PURGE_RATES, &params, sweep_rates_purged, sweep_rates);
}

/* ---- raise: no priority waits for ever behind a higher one ---- */

static void sweep_raise(void *arg);

static void sweep_raised(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;
    struct log_line l;

    if (sweep_failed(&s->raise, rc, err, sweep_raise))
        return;
    if (db_int(res, 0, 0)) {
        log_begin(&l, LOG_INFO, "sweep", "priorities_raised");
        log_int(&l, "messages", db_int(res, 0, 0));
        log_end(&l);
    }
    event_timer_start(s->loop, &s->raise.timer, SWEEP_RAISE_MS, sweep_raise, s);
}

static void sweep_raise(void *arg)
{
    struct sweeper *s = arg;
    struct db_params params = {0};

    db_param_int(&params, s->config->priority_age);
    sweep_ask(&s->raise, &SQL_RAISE_PRIORITIES, &params, sweep_raised, sweep_raise);
}

/* ---- give up what an account at fault has kept waiting for too long ---- */

static void sweep_give_up(void *arg);

static void sweep_log_given_up(const PGresult *res, int row)
{
    struct log_line l;

    log_begin(&l, LOG_WARN, "sweep", "given_up");
    log_str(&l, "tenant", db_str(res, row, 4));
    log_str(&l, "message", db_str(res, row, 5));
    log_str(&l, "account", db_str(res, row, 6));
    log_int(&l, "attempts", db_int(res, row, 7));
    log_int(&l, "waited_s", db_int(res, row, 8));
    log_str(&l, "outcome", "error");
    log_str(&l, "reason", db_str(res, row, 9));
    log_end(&l);
}

static void sweep_given_up(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct sweeper *s = arg;
    bool more;

    if (sweep_failed(&s->give_up, rc, err, sweep_give_up))
        return;
    more = !db_is_null(res, 0, 0);
    s->place = (struct sweep_place){0};
    if (more) {
        snprintf(s->place.tenant_id, sizeof(s->place.tenant_id), "%s", db_str(res, 0, 0));
        snprintf(s->place.account_id, sizeof(s->place.account_id), "%s", db_str(res, 0, 1));
        s->place.priority = db_int(res, 0, 2);
        s->place.message_pk = db_int(res, 0, 3);
    }
    for (int row = 0; row < PQntuples(res); row++)
        if (!db_is_null(res, row, 4))
            sweep_log_given_up(res, row);
    event_timer_start(s->loop, &s->give_up.timer, more ? 0 : SWEEP_GIVE_UP_MS, sweep_give_up, s);
}

static void sweep_give_up(void *arg)
{
    struct sweeper *s = arg;
    struct db_params params = {0};

    db_param_int(&params, s->config->retry_max_age);
    db_param_int(&params, s->epoch);
    db_param_text(&params, s->place.tenant_id);
    db_param_text(&params, s->place.account_id);
    db_param_int(&params, s->place.priority);
    db_param_int(&params, s->place.message_pk);
    sweep_ask(&s->give_up, &SQL_GIVE_UP_MESSAGES, &params, sweep_given_up, sweep_give_up);
}

/* ---- let the claims' skip scan find accounts again whose front is of no use any more ---- */

static void sweep_fronts(void *arg);

static void sweep_fronts_forgotten(void *arg, enum err rc, const PGresult *res,
                                   const struct error *err)
{
    struct sweeper *s = arg;

    (void)res;
    if (!sweep_failed(&s->fronts, rc, err, sweep_fronts))
        event_timer_start(s->loop, &s->fronts.timer, SWEEP_FRONTS_MS, sweep_fronts, s);
}

static void sweep_fronts(void *arg)
{
    struct sweeper *s = arg;
    struct db_params none = {0};

    sweep_ask(&s->fronts, &SQL_FORGET_FRONTS, &none, sweep_fronts_forgotten, sweep_fronts);
}

/* ---- what callers see ---- */

static void sweep_start(struct sweeper *s, struct sweep_chore *chore, event_timer_fn *fn)
{
    if (!chore->asking)
        event_timer_start(s->loop, &chore->timer, 0, fn, s);
}

static void sweep_stop(struct sweeper *s)
{
    event_timer_stop(s->loop, &s->promote.timer);
    event_timer_stop(s->loop, &s->reap.timer);
    event_timer_stop(s->loop, &s->partitions.timer);
    event_timer_stop(s->loop, &s->fold.timer);
    event_timer_stop(s->loop, &s->rates.timer);
    event_timer_stop(s->loop, &s->raise.timer);
    event_timer_stop(s->loop, &s->give_up.timer);
    event_timer_stop(s->loop, &s->fronts.timer);
}

void sweep_set_epoch(struct sweeper *s, int64_t epoch)
{
    s->epoch = epoch;
    sweep_stop(s);
    if (!epoch)
        return;
    sweep_start(s, &s->promote, sweep_promote);
    sweep_start(s, &s->reap, sweep_reap);
    sweep_start(s, &s->partitions, sweep_partitions);
    sweep_start(s, &s->fold, sweep_fold);
    sweep_start(s, &s->rates, sweep_rates);
    if (s->config->priority_age)
        sweep_start(s, &s->raise, sweep_raise);
    sweep_start(s, &s->give_up, sweep_give_up);
    sweep_start(s, &s->fronts, sweep_fronts);
}

void sweep_connected(struct sweeper *s)
{
    int64_t lease_ms = s->config->lease_seconds * 1000;

    s->reap_from_ms = event_loop_now_ms(s->loop) +
                      (lease_ms < SWEEP_RECONNECT_MS ? lease_ms : SWEEP_RECONNECT_MS);
}

enum err sweep_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                   sweep_work_fn *fn, void *arg, struct sweeper **ret, struct error *err)
{
    struct sweeper *s = calloc(1, sizeof(*s));

    if (!s)
        return error_set(err, ERR_NOMEM, "out of memory for the sweeper");
    s->loop = loop;
    s->db = db;
    s->config = config;
    s->fn = fn;
    s->arg = arg;
    s->promote.sweeper = s->reap.sweeper = s->partitions.sweeper = s->fold.sweeper = s;
    s->rates.sweeper = s->raise.sweeper = s->give_up.sweeper = s->fronts.sweeper = s;
    *ret = s;
    return ERR_OK;
}

void sweep_free(struct sweeper *s)
{
    if (!s)
        return;
    sweep_stop(s);
    free(s);
}
