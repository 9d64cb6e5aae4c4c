/*
 * report.c - calls to tenants, side by side, each a chain of steps. See report.h.
 */
#include "worker/report/report.h"

#include <assert.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/db_array.h"
#include "common/log.h"
#include "sql/statements.h"
#include "worker/report/outbox.h"
#include "worker/report/post.h"

enum { REPORT_CALLS_MAX = 64, REPORT_LOOK_MS = 1000, REPORT_PAUSE_MS = 5000 };
enum {
    REPORT_COALESCE_MS = 20, /* results are recorded in bursts: look once for all of them */
    REPORT_REST_MS = 105,    /* claim_tenants leaves a tenant alone for 100 ms after a call */
};

struct reporter {
    struct event_loop *loop; /* borrowed, as the next four */
    struct db_async *db;
    struct http_client *http;
    const struct config *config;
    const struct secret_ring *keys;
    int64_t epoch; /* 0: none */
    struct report_call *calls;
    uint32_t call_count;
    struct report_claim *claiming; /* the one claim under way; NULL: none */
    bool look_again;               /* asked for while it was, or while all places were taken */
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
    int64_t max;
};

/*
 * One call. The steps follow one another; each ends by a callback that begins the next.
 *
 *     LOAD --> POST --acknowledged--> ACKNOWLEDGE --> over
 *       \--------\------- no -------> FAIL ---------> over
 *
 * A statement whose connection broke is run again: all four are safe to repeat, the last two by the
 * lease token.
 */
enum report_step { REPORT_LOAD, REPORT_POST, REPORT_ACKNOWLEDGE, REPORT_FAIL };

struct report_call {
    struct reporter *reporter; /* NULL: dropped, waiting for its statement to end */
    struct report_call *prev, *next;
    enum report_step step;
    bool in_statement;
    struct outbox_tenant tenant;
    struct outbox_batch batch;
    size_t max_events;
    struct http_call *http; /* while it is under way */
    long status;
    int64_t begun_ms;
    struct post_verdict verdict;
    struct event_timer pause;
};

static void report_enter(struct report_call *call, enum report_step step);
static void report_look(void *arg);

/* ---- a call's life ---- */

static enum payload_format report_format(const struct outbox_tenant *tenant)
{
    /* The service's own client URL is a client of 2025: it knows no other. */
    return tenant->seed_format || !tenant->base_url ? PAYLOAD_SEED : PAYLOAD_EVENT;
}

static void report_call_free(struct report_call *call)
{
    outbox_tenant_clear(&call->tenant);
    outbox_batch_clear(&call->batch);
    free(call);
}

/* Forget it. A statement under way cannot be taken back: its callback frees the call. */
static void report_call_drop(struct report_call *call)
{
    struct reporter *r = call->reporter;

    assert(r); /* it is forgotten once */
    if (call->http)
        http_call_cancel(call->http);
    call->http = NULL;
    event_timer_stop(r->loop, &call->pause);
    if (call->prev)
        call->prev->next = call->next;
    else
        r->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    r->call_count--;
    call->reporter = NULL;
    if (!call->in_statement)
        report_call_free(call);
}

static void report_call_end(struct report_call *call)
{
    struct reporter *r = call->reporter;

    report_call_drop(call);
    if (r->look_again)
        event_defer(r->loop, report_look, r);
    /* There may be news of meanwhile, or more to tell than fits one call. */
    r->rested_ms = event_loop_now_ms(r->loop) + REPORT_REST_MS;
    if (!r->rested.at)
        event_timer_start(r->loop, &r->rested, REPORT_REST_MS, report_look, r);
    if (!reporter_in_flight(r) && r->idle)
        event_defer(r->loop, r->idle, r->idle_arg);
}

static void report_again(void *arg)
{
    struct report_call *call = arg;

    report_enter(call, call->step);
}

/* The step could not even begin, or failed without saying why it should work next: again in a
 * while. */
static void report_pause(struct report_call *call, const struct error *err)
{
    log_error(LOG_WARN, "report", "step_failed", err);
    event_timer_start(call->reporter->loop, &call->pause, REPORT_PAUSE_MS, report_again, call);
}

/* Nothing came of it, for a reason of our own: no answer said so. */
static void report_give_up(struct report_call *call, const char *reason)
{
    post_refuse(reason, &call->verdict);
    report_enter(call, REPORT_FAIL);
}

static void report_log(const struct report_call *call, enum log_level level, const char *note,
                       int64_t retry_s)
{
    struct log_line l;

    log_begin(&l, level, "report", "report");
    log_str(&l, "tenant", call->tenant.tenant_id);
    log_int(&l, "entries", (int64_t)call->batch.entries);
    log_int(&l, "status", call->status);
    log_int(&l, "ms", event_loop_now_ms(call->reporter->loop) - call->begun_ms);
    if (call->verdict.acknowledged)
        log_int(&l, "queued", call->verdict.queued);
    if (retry_s >= 0)
        log_int(&l, "retry_in_s", retry_s);
    log_str(&l, "error", call->verdict.acknowledged ? NULL : call->verdict.reason);
    log_str(&l, "note", note);
    log_end(&l);
}

/* ---- what a step's statement comes to ---- */

static const char report_lost[] = "the lease was lost meanwhile: another worker calls again";

/* False: the call is dropped, or the statement is run again; true: look at rc and res. */
static bool report_take_result(struct report_call *call, enum err rc)
{
    call->in_statement = false;
    if (!call->reporter) {
        report_call_free(call);
        return false;
    }
    if (rc == ERR_DB_GONE || rc == ERR_DB_RETRY) {
        report_enter(call, call->step); /* waits for the connection */
        return false;
    }
    return true;
}

static void report_loaded(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct report_call *call = arg;
    struct error own;

    if (!report_take_result(call, rc))
        return;
    if (!rc) {
        rc = outbox_read_batch(res, call->max_events, report_format(&call->tenant), &call->batch,
                               &own);
        err = &own;
    }
    if (rc == ERR_LIMIT && call->max_events > 1) {
        call->max_events /= 2;
        report_enter(call, REPORT_LOAD);
    } else if (rc) {
        report_give_up(call, err->text);
    } else {
        report_enter(call, REPORT_POST);
    }
}

static void report_acknowledged(void *arg, enum err rc, const PGresult *res,
                                const struct error *err)
{
    struct report_call *call = arg;

    if (!report_take_result(call, rc))
        return;
    if (rc) {
        report_give_up(call, err->text);
        return;
    }
    bool lost = PQntuples(res) == 0;
    report_log(call, lost ? LOG_WARN : LOG_INFO, lost ? report_lost : NULL, -1);
    report_call_end(call);
}

static void report_failed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct report_call *call = arg;

    if (!report_take_result(call, rc))
        return;
    if (rc) {
        report_pause(call, err);
        return;
    }
    bool lost = PQntuples(res) == 0;
    report_log(call, LOG_WARN, lost ? report_lost : NULL, lost ? -1 : db_int(res, 0, 1));
    report_call_end(call);
}

static void report_answered(void *arg, const struct http_answer *answer)
{
    struct report_call *call = arg;

    call->http = NULL;
    call->status = answer->status;
    post_judge(answer, &call->verdict);
    report_enter(call, call->verdict.acknowledged ? REPORT_ACKNOWLEDGE : REPORT_FAIL);
}

/* ---- beginning a step ---- */

static void report_run(struct report_call *call, const struct db_stmt *stmt,
                       const struct db_params *params, db_done_fn *done)
{
    struct error err;

    if (db_async_run(call->reporter->db, stmt, params, done, call, &err))
        report_pause(call, &err);
    else
        call->in_statement = true;
}

static void report_load(struct report_call *call)
{
    struct db_params params = {0};

    db_param_text(&params, call->tenant.tenant_id);
    db_param_int(&params, (int64_t)call->max_events + 1);
    report_run(call, &SQL_LOAD_EVENTS, &params, report_loaded);
}

static void report_post(struct report_call *call)
{
    const struct reporter *r = call->reporter;
    struct error err;

    if (post_start(r->http, r->config, r->keys, &call->tenant, &call->batch, report_answered, call,
                   &call->http, &err))
        report_give_up(call, err.text);
}

static void report_acknowledge(struct report_call *call)
{
    struct db_params params = {0};

    db_param_text(&params, call->tenant.tenant_id);
    db_param_int(&params, call->tenant.lease_token);
    db_param_int(&params, call->tenant.news_seq);
    db_param_array(&params, &call->batch.event_pks);
    db_param_int(&params, call->batch.oldest_us);
    db_param_int(&params, call->batch.newest_us);
    db_param_bool(&params, call->batch.more || call->verdict.queued > 0);
    if (call->verdict.next_sync_s)
        db_param_int(&params, call->verdict.next_sync_s);
    else
        db_param_null(&params);
    report_run(call, &SQL_ACKNOWLEDGE_REPORTS, &params, report_acknowledged);
}

static void report_fail(struct report_call *call)
{
    struct db_params params = {0};

    db_param_text(&params, call->tenant.tenant_id);
    db_param_int(&params, call->tenant.lease_token);
    db_param_text(&params, call->verdict.reason);
    if (call->verdict.retry_after_s >= 0)
        db_param_int(&params, call->verdict.retry_after_s);
    else
        db_param_null(&params);
    report_run(call, &SQL_FAIL_REPORT, &params, report_failed);
}

static void report_enter(struct report_call *call, enum report_step step)
{
    static void (*const begin[])(struct report_call *) = {
        [REPORT_LOAD] = report_load,
        [REPORT_POST] = report_post,
        [REPORT_ACKNOWLEDGE] = report_acknowledge,
        [REPORT_FAIL] = report_fail,
    };

    call->step = step;
    begin[step](call);
}

/* ---- claiming tenants ---- */

static void report_begin_call(struct reporter *r, const PGresult *res, int row)
{
    struct report_call *call = calloc(1, sizeof(*call));
    struct error err;

    /* Out of memory: its lease is one we do not know of, and the next claim takes it again. */
    if (!call || outbox_read_tenant(res, row, &call->tenant, &err)) {
        free(call);
        return;
    }
    call->reporter = r;
    call->max_events = OUTBOX_EVENTS_MAX;
    call->begun_ms = event_loop_now_ms(r->loop);
    call->next = r->calls;
    if (call->next)
        call->next->prev = call;
    r->calls = call;
    r->call_count++;
    report_enter(call, REPORT_LOAD);
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
    for (int i = 0; i < n && ours; i++)
        report_begin_call(r, res, i);
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

    for (const struct report_call *call = r->calls; call; call = call->next)
        db_array_int(&tokens, call->tenant.lease_token);
    rc = db_array_check(&tokens, err);
    if (!rc) {
        db_param_int(&params, claim->epoch);
        db_param_array(&params, &tokens);
        db_param_int(&params, r->config->sync_interval);
        db_param_bool(&params, r->config->client_sync_url != NULL);
        db_param_int(&params, claim->max);
        rc = db_async_run(r->db, &SQL_CLAIM_TENANTS, &params, report_claimed, claim, err);
    }
    db_array_clear(&tokens);
    return rc;
}

static void report_look(void *arg)
{
    struct reporter *r = arg;
    struct error err;

    if (r->epoch == 0 || r->stopped)
        return;
    if (!r->rested.at && r->rested_ms > event_loop_now_ms(r->loop)) /* who ended since then */
        event_timer_start(r->loop, &r->rested, REPORT_REST_MS, report_look, r);
    if (r->claiming || r->call_count == REPORT_CALLS_MAX) {
        r->look_again = true; /* when there is room */
        return;
    }
    struct report_claim *claim = calloc(1, sizeof(*claim));
    if (!claim)
        return; /* the tick looks again */
    r->look_again = false;
    *claim = (struct report_claim){
        .reporter = r, .epoch = r->epoch, .max = REPORT_CALLS_MAX - r->call_count};
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
    r->http = http;
    r->config = config;
    r->keys = keys;
    event_timer_start(loop, &r->tick, REPORT_LOOK_MS, report_tick, r);
    *ret = r;
    return ERR_OK;
}

static void report_drop_calls(struct reporter *r)
{
    while (r->calls)
        report_call_drop(r->calls);
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
