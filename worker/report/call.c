/*
 * call.c - one call as a chain of steps. See call.h.
 */
#include "worker/report/call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "sql/statements.h"
#include "worker/report/outbox.h"
#include "worker/report/post.h"

enum { CALL_PAUSE_MS = 5000 };

/*
 * The steps follow one another; each ends by a callback that begins the next.
 *
 *     LOAD --> POST --acknowledged--> ACKNOWLEDGE --> over
 *       \--------\------- no -------> FAIL ---------> over
 *
 * A statement whose connection broke is run again: all four are safe to repeat, the last two by the
 * lease token.
 */
enum call_step { CALL_LOAD, CALL_POST, CALL_ACKNOWLEDGE, CALL_FAIL };

struct call {
    const struct call_room *room; /* NULL: dropped, waiting for its statement to end */
    enum call_step step;
    bool in_statement;
    struct outbox_tenant tenant;
    struct outbox_batch batch;
    size_t max_events;
    struct http_call *http; /* while it is under way */
    long status;
    int64_t begun_ms, posted_ms;
    struct post_verdict verdict;
    struct event_timer pause;
};

static void call_enter(struct call *call, enum call_step step);

/* ---- a call's life ---- */

static enum payload_format call_format(const struct outbox_tenant *tenant)
{
    /* The service's own client URL is a client of 2025: it knows no other. */
    return tenant->seed_format || !tenant->base_url ? PAYLOAD_SEED : PAYLOAD_EVENT;
}

static void call_free(struct call *call)
{
    outbox_tenant_clear(&call->tenant);
    outbox_batch_clear(&call->batch);
    free(call);
}

void call_drop(struct call *call)
{
    assert(call->room); /* it is forgotten once */
    if (call->http)
        http_call_cancel(call->http);
    call->http = NULL;
    event_timer_stop(call->room->loop, &call->pause);
    call->room = NULL;
    if (!call->in_statement) /* one under way cannot be taken back: its callback frees the call */
        call_free(call);
}

static void call_end(struct call *call)
{
    const struct call_room *room = call->room;

    room->over(room->arg, call);
    call_drop(call);
}

static void call_again(void *arg)
{
    struct call *call = arg;

    call_enter(call, call->step);
}

/* The step could not even begin, or failed without saying why it should work next: again in a
 * while. */
static void call_pause(struct call *call, const struct error *err)
{
    log_error(LOG_WARN, "report", "step_failed", err);
    event_timer_start(call->room->loop, &call->pause, CALL_PAUSE_MS, call_again, call);
}

/* Nothing came of it, for a reason of our own: no answer said so. */
static void call_give_up(struct call *call, const char *reason)
{
    post_refuse(reason, &call->verdict);
    call_enter(call, CALL_FAIL);
}

static void call_log(const struct call *call, enum log_level level, const char *note,
                     int64_t retry_s)
{
    struct log_line l;

    log_begin(&l, level, "report", "report");
    log_str(&l, "tenant", call->tenant.tenant_id);
    log_int(&l, "entries", (int64_t)call->batch.entries);
    log_int(&l, "status", call->status);
    log_int(&l, "ms", event_loop_now_ms(call->room->loop) - call->begun_ms);
    if (call->verdict.acknowledged)
        log_int(&l, "queued", call->verdict.queued);
    if (retry_s >= 0)
        log_int(&l, "retry_in_s", retry_s);
    log_str(&l, "error", call->verdict.acknowledged ? NULL : call->verdict.reason);
    log_str(&l, "note", note);
    log_end(&l);
}

/* ---- what a step's statement comes to ---- */

static const char call_lost[] = "the lease was lost meanwhile: another worker calls again";

/* False: the call is dropped, or the statement is run again; true: look at rc and res. */
static bool call_take_result(struct call *call, enum err rc)
{
    call->in_statement = false;
    if (!call->room) {
        call_free(call);
        return false;
    }
    if (rc == ERR_DB_GONE || rc == ERR_DB_RETRY) {
        call_enter(call, call->step); /* waits for the connection */
        return false;
    }
    return true;
}

static void call_loaded(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct call *call = arg;
    struct error own;

    if (!call_take_result(call, rc))
        return;
    if (!rc) {
        rc = outbox_read_batch(res, call->max_events, call_format(&call->tenant), &call->batch,
                               &own);
        err = &own;
    }
    if (rc == ERR_LIMIT && call->max_events > 1) {
        call->max_events /= 2;
        call_enter(call, CALL_LOAD);
    } else if (rc) {
        call_give_up(call, err->text);
    } else {
        call_enter(call, CALL_POST);
    }
}

static void call_acknowledged(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct call *call = arg;

    if (!call_take_result(call, rc))
        return;
    if (rc) {
        call_give_up(call, err->text);
        return;
    }
    bool lost = PQntuples(res) == 0;
    call_log(call, lost ? LOG_WARN : LOG_INFO, lost ? call_lost : NULL, -1);
    call_end(call);
}

static void call_failed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct call *call = arg;

    if (!call_take_result(call, rc))
        return;
    if (rc) {
        call_pause(call, err);
        return;
    }
    bool lost = PQntuples(res) == 0;
    call_log(call, LOG_WARN, lost ? call_lost : NULL, lost ? -1 : db_int(res, 0, 1));
    call_end(call);
}

static void call_answered(void *arg, const struct http_answer *answer)
{
    struct call *call = arg;

    call->http = NULL;
    call->status = answer->status;
    post_judge(answer, &call->verdict);
    call_enter(call, call->verdict.acknowledged ? CALL_ACKNOWLEDGE : CALL_FAIL);
}

/* ---- beginning a step ---- */

static void call_run(struct call *call, const struct db_stmt *stmt, const struct db_params *params,
                     db_done_fn *done)
{
    struct error err;

    if (db_async_run(call->room->db, stmt, params, done, call, &err))
        call_pause(call, &err);
    else
        call->in_statement = true;
}

static void call_load(struct call *call)
{
    struct db_params params = {0};

    db_param_text(&params, call->tenant.tenant_id);
    db_param_int(&params, (int64_t)call->max_events + 1);
    call_run(call, &SQL_LOAD_EVENTS, &params, call_loaded);
}

static void call_post(struct call *call)
{
    const struct call_room *room = call->room;
    struct error err;

    if (post_start(room->http, room->config, room->keys, &call->tenant, &call->batch, call_answered,
                   call, &call->http, &err))
        call_give_up(call, err.text);
    else
        buf_clear(&call->batch.body); /* was copied */
    call->posted_ms = event_loop_now_ms(room->loop);
}

static void call_acknowledge(struct call *call)
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
    call_run(call, &SQL_ACKNOWLEDGE_REPORTS, &params, call_acknowledged);
}

static void call_fail(struct call *call)
{
    struct db_params params = {0};

    db_param_text(&params, call->tenant.tenant_id);
    db_param_int(&params, call->tenant.lease_token);
    db_param_text(&params, call->verdict.reason);
    if (call->verdict.retry_after_s >= 0)
        db_param_int(&params, call->verdict.retry_after_s);
    else
        db_param_null(&params);
    call_run(call, &SQL_FAIL_REPORT, &params, call_failed);
}

static void call_enter(struct call *call, enum call_step step)
{
    static void (*const begin[])(struct call *) = {
        [CALL_LOAD] = call_load,
        [CALL_POST] = call_post,
        [CALL_ACKNOWLEDGE] = call_acknowledge,
        [CALL_FAIL] = call_fail,
    };

    call->step = step;
    begin[step](call);
}

struct call *call_begin(const struct call_room *room, const PGresult *res, int row)
{
    struct call *call = calloc(1, sizeof(*call));
    struct error err;

    if (!call || outbox_read_tenant(res, row, &call->tenant, &err)) {
        free(call);
        return NULL;
    }
    call->room = room;
    call->max_events = OUTBOX_EVENTS_MAX;
    call->begun_ms = event_loop_now_ms(room->loop);
    call_enter(call, CALL_LOAD);
    return call;
}

int64_t call_lease_token(const struct call *call)
{
    return call->tenant.lease_token;
}

bool call_is_unanswered(const struct call *call)
{
    return call->step == CALL_LOAD || call->step == CALL_POST;
}

bool call_is_doubtful(const struct call *call)
{
    return call->tenant.failed;
}

int64_t call_silence_ms(const struct call *call)
{
    return call->http ? event_loop_now_ms(call->room->loop) - call->posted_ms : 0;
}

void call_give_way(struct call *call)
{
    char reason[POST_REASON_OCTETS];

    assert(call->http);
    snprintf(reason, sizeof(reason),
             "no answer in %lld s, and all places for calls were taken while others waited",
             (long long)(call_silence_ms(call) / 1000));
    http_call_cancel(call->http);
    call->http = NULL;
    call_give_up(call, reason);
}
