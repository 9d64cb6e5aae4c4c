/*
 * metrics.c - GET /metrics: figures of the database, which are those of all workers and servers,
 * and of this process. See metrics.h.
 */
#include "server/routes/metrics.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "server/http/exposition.h"
#include "server/routes/metric_families.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

enum {
    METRICS_KEEP_FACTOR = 10,
    METRICS_AT_ONCE_US = 20 * 1000, /* a scrape right behind another sees what changed between */
    METRICS_TEXT_CAP_OCTETS = 128 * 1024 * 1024,
};

/* What a source had to say last. */
struct kept {
    struct buf text;
    int64_t asked_us; /* 0: never, or the last time in vain */
    int64_t until_us;
};

struct metrics {
    pthread_mutex_t lock; /* who asks the database holds it */
    struct kept kept[METRIC_PROCESS];
};

static const struct db_stmt *const metrics_statements[METRIC_PROCESS] = {
    [METRIC_ACCOUNT_COUNTERS] = &SQL_READ_ACCOUNT_COUNTERS,
    [METRIC_BACKLOG] = &SQL_READ_BACKLOG,
    [METRIC_UNTOLD] = &SQL_READ_UNTOLD,
    [METRIC_DURATIONS] = &SQL_READ_DURATIONS,
    [METRIC_REPLIES] = &SQL_READ_REPLIES,
    [METRIC_SERVICE] = &SQL_READ_SERVICE,
    [METRIC_DATABASE] = &SQL_READ_DATABASE,
};

enum err metrics_new(struct metrics **ret, struct error *err)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return error_set(err, ERR_NOMEM, "out of memory for the metrics");
    pthread_mutex_init(&metrics->lock, NULL);
    for (size_t i = 0; i < METRIC_PROCESS; i++)
        metrics->kept[i].text.cap = METRICS_TEXT_CAP_OCTETS;
    *ret = metrics;
    return ERR_OK;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < METRIC_PROCESS; i++)
        buf_clear(&metrics->kept[i].text);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* false: the one before us has been asking for so long that the database must be stuck. */
static bool metrics_lock(struct metrics *metrics, int64_t wait_ms)
{
    struct timespec until = clock_deadline(wait_ms);

    return !pthread_mutex_clocklock(&metrics->lock, CLOCK_MONOTONIC, &until);
}

/* Fill kept->text anew from the database. */
static enum err metrics_ask(struct request *req, enum metric_source source, struct kept *kept,
                            struct error *err)
{
    struct db_params params = {0};
    struct db_conn *db;
    PGresult *res = NULL;
    int64_t asked_us = clock_mono_us();
    int64_t took_us;
    enum err rc = request_db(req, &db, err);

    if (source == METRIC_UNTOLD)
        db_param_bool(&params, req->context->config->client_sync_url != NULL);
    if (!rc)
        rc = db_run(db, metrics_statements[source], &params, &res, err);
    if (!rc) {
        took_us = clock_mono_us() - asked_us;
        kept->until_us = took_us < METRICS_AT_ONCE_US
                             ? asked_us
                             : asked_us + took_us * (1 + METRICS_KEEP_FACTOR);
        buf_clear(&kept->text);
        metric_families_write(&kept->text, source, res, req->context);
        rc = buf_check(&kept->text, "the metrics", err);
    }
    kept->asked_us = rc ? 0 : asked_us;
    PQclear(res);
    return rc;
}

/*
 * The families that come from the database; without their samples where it does not answer.
 * ret_age_us  how long before this scrape the oldest of them were asked for; 0: none was
 */
static bool metrics_write_database(struct request *req, struct buf *out, int64_t *ret_age_us,
                                   struct error *err)
{
    struct metrics *metrics = req->context->metrics;
    int64_t arrived_us = clock_mono_us();
    int64_t oldest_us = arrived_us;
    enum err rc = ERR_OK;
    bool locked = metrics_lock(metrics, req->context->config->db_pool_wait_ms);

    if (!locked)
        rc = error_set(err, ERR_LIMIT, "the scrape before this one still waits for its figures");
    for (enum metric_source source = 0; source < METRIC_PROCESS; source++) {
        struct kept *kept = &metrics->kept[source];

        /* Asked since we came, or lately enough for what it cost? */
        if (!rc &&
            (!kept->asked_us || (kept->asked_us < arrived_us && kept->until_us <= clock_mono_us())))
            rc = metrics_ask(req, source, kept, err);
        if (rc) {
            metric_families_write(out, source, NULL, req->context);
        } else {
            buf_append(out, kept->text.data, kept->text.len);
            oldest_us = kept->asked_us < oldest_us ? kept->asked_us : oldest_us;
        }
    }
    request_give_db(req);
    if (locked)
        pthread_mutex_unlock(&metrics->lock);
    *ret_age_us = arrived_us - oldest_us;
    return !rc;
}

void metrics_get(struct request *req, struct reply *reply)
{
    struct buf *out = reply_text(reply, 200, EXPOSITION_CONTENT_TYPE);
    struct error err;
    struct sample s;
    int64_t age_us;
    bool answered = metrics_write_database(req, out, &age_us, &err);

    if (!answered)
        log_error(LOG_WARN, "http", "metrics_without_database", &err);
    exposition_head(out, "gmp_database_up", "gauge",
                    "1: the database has answered this scrape; 0: its figures are missing");
    s = sample_open(out, "gmp_database_up", "");
    sample_close(&s, answered);
    exposition_head(
        out, "gmp_figures_age_seconds", "gauge",
        "Age of the oldest of the database's figures; 0: all were read for this scrape");
    s = sample_open(out, "gmp_figures_age_seconds", "");
    sample_close(&s, (double)age_us / 1e6);
    metric_families_write(out, METRIC_PROCESS, NULL, req->context);
}
