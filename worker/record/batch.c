/*
 * batch.c - record attempts in batches. See batch.h.
 */
#include "worker/record/batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "common/log.h"
#include "sql/statements.h"
#include "worker/record/delivery_log.h"
#include "worker/record/retry.h"

enum { BATCH_RETRY_MS = 200, BATCH_ARRAYS = 21 };

struct batch {
    struct batch_recorder *recorder;
    struct batch *next; /* in recorder->batches */
    struct event_timer retry;
    size_t count;
    struct attempt attempts[BATCH_MAX];
};

struct batch_recorder {
    struct event_loop *loop;
    struct db_async *db;
    batch_done_fn *fn;
    void *arg;
    struct batch *batches; /* all of them, so that none is lost at the end */
    struct batch *filling; /* the one that takes more; NULL: none */
    struct event_timer delay;
    uint32_t pending;
};

static void batch_write(struct batch *batch);

static struct batch *batch_new_one(struct batch_recorder *recorder)
{
    struct batch *batch = calloc(1, sizeof(*batch));

    if (!batch)
        abort(); /* a result that cannot be kept: our lease ends with us, and the attempt is in
                    doubt */
    batch->recorder = recorder;
    batch->next = recorder->batches;
    recorder->batches = batch;
    return batch;
}

static void batch_free_one(struct batch *batch)
{
    struct batch **link = &batch->recorder->batches;

    while (*link != batch)
        link = &(*link)->next;
    *link = batch->next;
    event_timer_stop(batch->recorder->loop, &batch->retry);
    for (size_t i = 0; i < batch->count; i++)
        attempt_clear(&batch->attempts[i]);
    free(batch);
}

static void batch_write_timer(void *arg)
{
    batch_write(arg);
}

static int batch_compare_pk(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The database refused the whole for what must be one of them: write each alone, so that the others
 * are not stuck. */
static void batch_split(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct batch *single = batch_new_one(batch->recorder);

        single->attempts[single->count++] = batch->attempts[i];
        batch_write(single);
    }
    batch->count = 0; /* the attempts have moved */
    batch_free_one(batch);
}

static void batch_written(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct batch *batch = arg;
    struct batch_recorder *recorder = batch->recorder;
    int64_t recorded[BATCH_MAX];
    size_t rows = 0;

    if (rc == ERR_DB && batch->count > 1) {
        batch_split(batch);
        return;
    }
    if (rc) {
        log_error(rc == ERR_DB ? LOG_ERROR : LOG_WARN, "record", "write_failed", err);
        event_timer_start(recorder->loop, &batch->retry, BATCH_RETRY_MS, batch_write_timer, batch);
        return;
    }
    for (int i = 0; i < PQntuples(res) && rows < BATCH_MAX; i++)
        recorded[rows++] = db_int(res, i, 0);
    qsort(recorded, rows, sizeof(recorded[0]), batch_compare_pk);
    recorder->pending -= (uint32_t)batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        const struct claim *claim = batch->attempts[i].claim;
        bool found = bsearch(&claim->message_pk, recorded, rows, sizeof(recorded[0]),
                             batch_compare_pk) != NULL;

        recorder->fn(recorder->arg, claim, found);
    }
    batch_free_one(batch);
}

static void batch_fill_int_or_null(struct db_array *array, int64_t value, bool present)
{
    if (present)
        db_array_int(array, value);
    else
        db_array_null(array);
}

/* One element of each array, in the order of record_attempts' parameters. */
static void batch_fill(struct db_array *arrays, const struct attempt *a)
{
    struct db_array *at = arrays;

    db_array_int(at++, a->claim->message_pk);
    db_array_int(at++, a->claim->lease_token);
    db_array_text(at++, policy_outcome_name(a->outcome));
    batch_fill_int_or_null(at++, a->retry_after_s, a->outcome == OUTCOME_DEFERRED);
    db_array_int(at++, a->retries);
    batch_fill_int_or_null(at++, a->reply.code, a->reply.code != 0);
    db_array_text(at++, a->reply.status[0] ? a->reply.status : NULL);
    db_array_text(at++, a->reply.text);
    db_array_text(at++, a->reason);
    db_array_text(at++, a->recipients);
    db_array_text(at++, a->settled);
    db_array_text(at++, a->metadata);
    db_array_int(at++, a->claim->queue_ms > INT32_MAX ? INT32_MAX : a->claim->queue_ms);
    db_array_int(at++, a->compose_ms);
    db_array_int(at++, a->connect_ms);
    db_array_int(at++, a->send_ms);
    db_array_text(at++, policy_blame_name(a->blame));
    db_array_text(at++, a->composed ? policy_phase_name(a->phase) : NULL);
    db_array_bool(at++, a->taken);
    db_array_int(at++, retry_back_off_first_s(&a->claim->retry_delays));
    db_array_int(at++, retry_back_off_most_s(&a->claim->retry_delays));
}

static void batch_write(struct batch *batch)
{
    static const enum db_type types[BATCH_ARRAYS] = {
        DB_INT8, DB_INT8, DB_TEXT, DB_INT4, DB_INT4, DB_INT4, DB_TEXT,
        DB_TEXT, DB_TEXT, DB_JSON, DB_JSON, DB_JSON, DB_INT4, DB_INT4,
        DB_INT4, DB_INT4, DB_TEXT, DB_TEXT, DB_BOOL, DB_INT4, DB_INT4};
    struct batch_recorder *recorder = batch->recorder;
    struct db_array arrays[BATCH_ARRAYS];
    struct db_params params = {0};
    struct error err;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < BATCH_ARRAYS; i++)
        arrays[i] = db_array_of(types[i]);
    for (size_t i = 0; i < batch->count; i++)
        batch_fill(arrays, &batch->attempts[i]);
    for (size_t i = 0; i < BATCH_ARRAYS; i++) {
        if (!rc)
            rc = db_array_check(&arrays[i], &err);
        db_param_array(&params, &arrays[i]);
    }
    if (!rc)
        rc = db_async_run(recorder->db, &SQL_RECORD_ATTEMPTS, &params, batch_written, batch, &err);
    for (size_t i = 0; i < BATCH_ARRAYS; i++)
        db_array_clear(&arrays[i]);
    if (rc) {
        log_error(LOG_ERROR, "record", "write_failed", &err);
        event_timer_start(recorder->loop, &batch->retry, BATCH_RETRY_MS, batch_write_timer, batch);
    }
}

static void batch_flush(void *arg)
{
    struct batch_recorder *recorder = arg;
    struct batch *batch = recorder->filling;

    event_timer_stop(recorder->loop, &recorder->delay);
    recorder->filling = NULL;
    if (batch)
        batch_write(batch);
}

void batch_add(struct batch_recorder *recorder, struct attempt *attempt)
{
    delivery_log_write(attempt);
    if (!recorder->filling) {
        recorder->filling = batch_new_one(recorder);
        event_timer_start(recorder->loop, &recorder->delay, BATCH_DELAY_MS, batch_flush, recorder);
    }
    recorder->filling->attempts[recorder->filling->count++] = *attempt;
    *attempt = (struct attempt){0};
    recorder->pending++;
    if (recorder->filling->count == BATCH_MAX)
        batch_flush(recorder);
}

uint32_t batch_pending(const struct batch_recorder *recorder)
{
    return recorder->pending;
}

enum err batch_new(struct event_loop *loop, struct db_async *db, batch_done_fn *fn, void *arg,
                   struct batch_recorder **ret, struct error *err)
{
    struct batch_recorder *recorder = calloc(1, sizeof(*recorder));

    if (!recorder)
        return error_set(err, ERR_NOMEM, "out of memory for the recorder");
    recorder->loop = loop;
    recorder->db = db;
    recorder->fn = fn;
    recorder->arg = arg;
    *ret = recorder;
    return ERR_OK;
}

void batch_free(struct batch_recorder *recorder)
{
    if (!recorder)
        return;
    event_timer_stop(recorder->loop, &recorder->delay);
    while (recorder->batches)
        batch_free_one(recorder->batches);
    free(recorder);
}
