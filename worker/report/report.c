/*
 * report.c - which tenants are called, and when. See report.h.
 */
#include "worker/report/report.h"

#include <stdlib.h>

#include "common/db_array.h"
#include "common/log.h"
#include "sql/statements.h"
#include "worker/report/call.h"

/*
 * A call takes a place until its tenant has answered. Tenants that do not answer must not take them
 * all: those whose last call failed get half of the places at most, and when all are taken, one
 * that waits for its first answer gives way after a while, but only to another tenant that is
 * waiting.
 */
enum {
    REPORT_PLACES = 256,
    REPORT_PLACES_DOUBTFUL = REPORT_PLACES / 2,
    REPORT_PATIENCE_MS = 10000,
    REPORT_CALLS_MAX = 2 * REPORT_PLACES, /* with those that gave way, until that is written down */
    REPORT_LOOK_MS = 1000,
};
enum {
    REPORT_COALESCE_MS = 20, /* results are recorded in bursts: look once for all of them */
    REPORT_REST_MS = 105,    /* claim_tenants leaves a tenant alone for 100 ms after a call */
};

struct reporter {
    struct event_loop *loop; /* borrowed, as the next two */
    struct db_async *db;
    const struct config *config;
    struct call_room room;
    int64_t epoch; /* 0: none */
    struct call *calls[REPORT_CALLS_MAX];
    uint32_t call_count;
    struct report_claim *claiming; /* the one claim under way; NULL: none */
    bool look_again;               /* asked for while it was, or while there was no room */
    bool stopped;
    int64_t rested_ms; /* when the tenant called last may be called again */
    struct event_timer tick, soon, rested;
    event_timer_fn *idle;
    void *idle_arg;
};

/* A claim under way; it outlives a reporter that is freed meanwhile. */
struct report_claim {
    struct reporter *reporter; /* NULL: nobody waits for it */
    int64_t epoch;
    int64_t max, doubtful_max;
};

static void report_look(void *arg);

/* ---- places ---- */

static uint32_t report_count_taken(const struct reporter *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->call_count; i++)
        n += call_is_unanswered(r->calls[i]);
    return n;
}

static uint32_t report_count_doubtful(const struct reporter *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->call_count; i++)
        n += call_is_unanswered(r->calls[i]) && call_is_doubtful(r->calls[i]);
    return n;
}

static uint32_t report_count_patient(const struct reporter *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->call_count; i++)
        n += call_silence_ms(r->calls[i]) >= REPORT_PATIENCE_MS;
    return n;
}

/* For how many tenants there is room, if those that have waited long enough give way. */
static void report_find_room(const struct reporter *r, int64_t *ret_max, int64_t *ret_doubtful_max)
{
    int64_t max = REPORT_PLACES - (int64_t)report_count_taken(r) + report_count_patient(r);
    int64_t doubtful_max = REPORT_PLACES_DOUBTFUL - (int64_t)report_count_doubtful(r);

    if (max > REPORT_CALLS_MAX - (int64_t)r->call_count)
        max = REPORT_CALLS_MAX - (int64_t)r->call_count;
    *ret_max = max;
    *ret_doubtful_max = doubtful_max < max ? doubtful_max : max;
}

/* Another tenant has come: when all places are taken, the call that has waited longest gives way.
 */
static void report_make_room(struct reporter *r)
{
    struct call *longest = NULL;

    if (report_count_taken(r) < REPORT_PLACES)
        return;
    for (uint32_t i = 0; i < r->call_count; i++)
        if (!longest || call_silence_ms(r->calls[i]) > call_silence_ms(longest))
            longest = r->calls[i];
    if (call_silence_ms(longest) >= REPORT_PATIENCE_MS)
        call_give_way(longest);
}

/* ---- claiming tenants ---- */

static void report_over(void *arg, struct call *call)
{
    struct reporter *r = arg;
    uint32_t i = 0;

    while (r->calls[i] != call)
        i++;
    r->calls[i] = r->calls[--r->call_count];
    if (r->look_again)
        event_defer(r->loop, report_look, r);
    /* There may be news of meanwhile, or more to tell than fits one call. */
    r->rested_ms = event_loop_now_ms(r->loop) + REPORT_REST_MS;
    if (!r->rested.at)
        event_timer_start(r->loop, &r->rested, REPORT_REST_MS, report_look, r);
    if (!reporter_in_flight(r) && r->idle)
        event_defer(r->loop, r->idle, r->idle_arg);
}

static void report_claimed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct report_claim *claim = arg;
    struct reporter *r = claim->reporter;
    bool ours = r && r->epoch == claim->epoch && !r->stopped;
    int64_t max = claim->max;

    free(claim);
    if (!r)
        return;
    r->claiming = NULL;
    if (rc && rc != ERR_DB_GONE)
        log_error(LOG_ERROR, "report", "claim_failed", err);
    int n = rc ? 0 : PQntuples(res);
    for (int i = 0; i < n && ours; i++) {
        report_make_room(r);
        struct call *call = call_begin(&r->room, res, i);
        if (call) /* else its lease is one we do not know of, and the next claim takes it again */
            r->calls[r->call_count++] = call;
    }
    if (n == max)
        r->look_again = true; /* there may be more */
    if (!rc && r->look_again)
        event_defer(r->loop, report_look, r);
    if (!reporter_in_flight(r) && r->idle)
        event_defer(r->loop, r->idle, r->idle_arg);
}

static enum err report_run_claim(struct reporter *r, struct report_claim *claim, struct error *err)
{
    struct db_array tokens = db_array_of(DB_INT8);
    struct db_params params = {0};
    enum err rc;

    for (uint32_t i = 0; i < r->call_count; i++)
        db_array_int(&tokens, call_lease_token(r->calls[i]));
    rc = db_array_check(&tokens, err);
    if (!rc) {
        db_param_int(&params, claim->epoch);
        db_param_array(&params, &tokens);
        db_param_int(&params, r->config->sync_interval);
        db_param_text(&params, r->config->timezone);
        db_param_bool(&params, r->config->client_sync_url != NULL);
        db_param_int(&params, claim->max);
        db_param_int(&params, claim->doubtful_max);
        rc = db_async_run(r->db, &SQL_CLAIM_TENANTS, &params, report_claimed, claim, err);
    }
    db_array_clear(&tokens);
    return rc;
}

static void report_look(void *arg)
{
    struct reporter *r = arg;
    struct error err;
    int64_t max, doubtful_max;

    if (r->epoch == 0 || r->stopped)
        return;
    if (!r->rested.at && r->rested_ms > event_loop_now_ms(r->loop)) /* who ended since then */
        event_timer_start(r->loop, &r->rested, REPORT_REST_MS, report_look, r);
    report_find_room(r, &max, &doubtful_max);
    if (r->claiming || max <= 0) {
        r->look_again = true; /* when there is room */
        return;
    }
    struct report_claim *claim = calloc(1, sizeof(*claim));
    if (!claim)
        return; /* the tick looks again */
    r->look_again = false;
    *claim = (struct report_claim){
        .reporter = r, .epoch = r->epoch, .max = max, .doubtful_max = doubtful_max};
    if (report_run_claim(r, claim, &err)) {
        log_error(LOG_ERROR, "report", "claim_failed", &err);
        free(claim);
        return;
    }
    r->claiming = claim;
}

static void report_tick(void *arg)
{
    struct reporter *r = arg;

    event_timer_start(r->loop, &r->tick, REPORT_LOOK_MS, report_tick, r);
    report_look(r);
}

/* ---- what the loop sees ---- */

enum err reporter_new(struct event_loop *loop, struct db_async *db, struct http_client *http,
                      const struct config *config, const struct secret_ring *keys,
                      struct reporter **ret, struct error *err)
{
    struct reporter *r = calloc(1, sizeof(*r));

    if (!r)
        return error_set(err, ERR_NOMEM, "out of memory for the reporter");
    r->loop = loop;
    r->db = db;
    r->config = config;
    r->room = (struct call_room){.loop = loop,
                                 .db = db,
                                 .http = http,
                                 .config = config,
                                 .keys = keys,
                                 .over = report_over,
                                 .arg = r};
    event_timer_start(loop, &r->tick, REPORT_LOOK_MS, report_tick, r);
    *ret = r;
    return ERR_OK;
}

static void report_drop_calls(struct reporter *r)
{
    while (r->call_count)
        call_drop(r->calls[--r->call_count]);
}

void reporter_free(struct reporter *reporter)
{
    if (!reporter)
        return;
    report_drop_calls(reporter);
    if (reporter->claiming)
        reporter->claiming->reporter = NULL;
    event_timer_stop(reporter->loop, &reporter->tick);
    event_timer_stop(reporter->loop, &reporter->soon);
    event_timer_stop(reporter->loop, &reporter->rested);
    event_undefer(reporter->loop, report_look, reporter);
    free(reporter);
}

void reporter_set_epoch(struct reporter *reporter, int64_t worker_epoch)
{
    if (reporter->epoch != worker_epoch)
        report_drop_calls(reporter);
    reporter->epoch = worker_epoch;
}

void reporter_wake(struct reporter *reporter)
{
    if (!reporter->soon.at)
        event_timer_start(reporter->loop, &reporter->soon, REPORT_COALESCE_MS, report_look,
                          reporter);
}

void reporter_stop(struct reporter *reporter)
{
    reporter->stopped = true;
}

uint32_t reporter_in_flight(const struct reporter *r)
{
    /* A claim that waits for the database to come back has taken nothing. */
    return r->call_count + (r->claiming && db_async_is_connected(r->db) ? 1 : 0);
}

void reporter_on_idle(struct reporter *reporter, event_timer_fn *fn, void *arg)
{
    reporter->idle = fn;
    reporter->idle_arg = arg;
}
