/*
 * metric_families.c - the table of families, and how each becomes samples. See metric_families.h.
 */
#include "server/routes/metric_families.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "server/http/exposition.h"
#include "server/http/traffic.h"

struct family {
    const char *name, *type, *help;
    void (*fill)(struct buf *out, const struct family *family, const PGresult *res,
                 const struct context *context); /* res: not NULL where the source has rows */
    enum metric_source source;
    int column; /* of the rows; or what `fill` takes it for */
};

enum process_value {
    PROCESS_CONNECTIONS,
    PROCESS_IN_FLIGHT,
    PROCESS_THREADS,
    PROCESS_POOL_SIZE,
    PROCESS_POOL_OPEN,
    PROCESS_POOL_BUSY,
    PROCESS_POOL_WAITS,
    PROCESS_POOL_REFUSED,
    PROCESS_STARTED,
};

static double family_number(const PGresult *res, int row, int column)
{
    return strtod(db_str(res, row, column), NULL);
}

/* Rows that begin with an account, its name, its tenant and its name. */
static void family_fill_accounts(struct buf *out, const struct family *f, const PGresult *res,
                                 const struct context *context)
{
    (void)context;
    for (int row = 0; row < PQntuples(res); row++) {
        struct sample s = sample_open(out, f->name, "");

        sample_label(&s, "account_id", db_str(res, row, 0));
        sample_label(&s, "account_name", db_str(res, row, 1));
        sample_label(&s, "tenant_id", db_str(res, row, 2));
        sample_label(&s, "tenant_name", db_str(res, row, 3));
        sample_close(&s, family_number(res, row, f->column));
    }
}

/* Rows that begin with a tenant and its name; a null makes no sample. */
static void family_fill_tenants(struct buf *out, const struct family *f, const PGresult *res,
                                const struct context *context)
{
    (void)context;
    for (int row = 0; row < PQntuples(res); row++) {
        struct sample s;

        if (db_is_null(res, row, f->column))
            continue;
        s = sample_open(out, f->name, "");
        sample_label(&s, "tenant_id", db_str(res, row, 0));
        sample_label(&s, "tenant_name", db_str(res, row, 1));
        sample_close(&s, family_number(res, row, f->column));
    }
}

/* "0.005", or "+Inf" for the last one. */
static void family_label_bound(struct sample *s, double bound_s, bool last)
{
    char text[32] = "+Inf";

    if (!last)
        snprintf(text, sizeof(text), "%g", bound_s);
    sample_label(s, "le", text);
}

static void family_fill_durations(struct buf *out, const struct family *f, const PGresult *res,
                                  const struct context *context)
{
    (void)context;
    for (int row = 0; row < PQntuples(res); row++) {
        const char *outcome = db_str(res, row, 0);
        bool last = db_int(res, row, 1) == INT_MAX;
        struct sample s = sample_open(out, f->name, "_bucket");

        sample_label(&s, "outcome", outcome);
        family_label_bound(&s, (double)db_int(res, row, 1) / 1000, last);
        sample_close(&s, family_number(res, row, 2));
        if (!last)
            continue;
        s = sample_open(out, f->name, "_sum");
        sample_label(&s, "outcome", outcome);
        sample_close(&s, family_number(res, row, 3) / 1000);
        s = sample_open(out, f->name, "_count");
        sample_label(&s, "outcome", outcome);
        sample_close(&s, family_number(res, row, 2));
    }
}

static void family_fill_replies(struct buf *out, const struct family *f, const PGresult *res,
                                const struct context *context)
{
    (void)context;
    for (int row = 0; row < PQntuples(res); row++) {
        struct sample s = sample_open(out, f->name, "");
        char class[16];

        snprintf(class, sizeof(class), "%dxx", (int)db_int(res, row, 0));
        sample_label(&s, "class", db_int(res, row, 0) ? class : "none");
        sample_close(&s, family_number(res, row, 1));
    }
}

/* One row, one number. */
static void family_fill_one(struct buf *out, const struct family *f, const PGresult *res,
                            const struct context *context)
{
    struct sample s = sample_open(out, f->name, "");

    (void)context;
    sample_close(&s, family_number(res, 0, f->column));
}

static double family_read_process(const struct context *context, enum process_value which)
{
    struct db_pool_stats pool;

    db_pool_read_stats(context->pool, &pool);
    switch (which) {
    case PROCESS_CONNECTIONS:
        return (double)traffic_connections(context->traffic);
    case PROCESS_IN_FLIGHT:
        return (double)traffic_in_flight(context->traffic);
    case PROCESS_THREADS:
        return (double)context->config->http_threads;
    case PROCESS_POOL_SIZE:
        return pool.size;
    case PROCESS_POOL_OPEN:
        return pool.open;
    case PROCESS_POOL_BUSY:
        return pool.busy;
    case PROCESS_POOL_WAITS:
        return (double)pool.waits;
    case PROCESS_POOL_REFUSED:
        return (double)pool.refused;
    case PROCESS_STARTED:
        return (double)context->started_us / 1e6;
    }
    return 0;
}

static void family_fill_process(struct buf *out, const struct family *f, const PGresult *res,
                                const struct context *context)
{
    struct sample s = sample_open(out, f->name, "");

    (void)res;
    sample_close(&s, family_read_process(context, (enum process_value)f->column));
}

static void family_fill_build(struct buf *out, const struct family *f, const PGresult *res,
                              const struct context *context)
{
    struct sample s = sample_open(out, f->name, "");

    (void)res;
    (void)context;
    sample_label(&s, "version", MAILPROXY_VERSION);
    sample_close(&s, 1);
}

static struct sample family_open_request(struct buf *out, const struct family *f,
                                         const char *suffix, const struct traffic_row *row)
{
    struct sample s = sample_open(out, f->name, suffix);

    sample_label(&s, "method", row->method);
    sample_label(&s, "route", row->route);
    return s;
}

static void family_fill_requests(struct buf *out, const struct family *f, const PGresult *res,
                                 const struct context *context)
{
    struct traffic_row row;

    (void)res;
    for (size_t i = 0; i < traffic_rows(context->traffic); i++) {
        traffic_read(context->traffic, i, &row);
        for (int at = 0; at < TRAFFIC_STATUSES; at++) {
            struct sample s;
            char status[12];

            if (!row.by_status[at])
                continue;
            s = family_open_request(out, f, "", &row);
            snprintf(status, sizeof(status), "%d", at + TRAFFIC_STATUS_MIN);
            sample_label(&s, "status", status);
            sample_close(&s, (double)row.by_status[at]);
        }
    }
}

static void family_fill_request_durations(struct buf *out, const struct family *f,
                                          const PGresult *res, const struct context *context)
{
    struct traffic_row row;
    struct sample s;

    (void)res;
    for (size_t i = 0; i < traffic_rows(context->traffic); i++) {
        traffic_read(context->traffic, i, &row);
        if (!row.up_to[TRAFFIC_BOUNDS])
            continue;
        for (int at = 0; at <= TRAFFIC_BOUNDS; at++) {
            bool last = at == TRAFFIC_BOUNDS;

            s = family_open_request(out, f, "_bucket", &row);
            family_label_bound(&s, last ? 0 : traffic_bounds_s[at], last);
            sample_close(&s, (double)row.up_to[at]);
        }
        s = family_open_request(out, f, "_sum", &row);
        sample_close(&s, row.seconds);
        s = family_open_request(out, f, "_count", &row);
        sample_close(&s, (double)row.up_to[TRAFFIC_BOUNDS]);
    }
}

/* clang-format off */
static const struct family families[] = {
    {"gmp_sent_total", "counter", "Total sent emails", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 4},
    {"gmp_errors_total", "counter", "Total send errors", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 5},
    {"gmp_deferred_total", "counter", "Total deferred emails", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 6},
    {"gmp_rate_limited_total", "counter", "Total rate limited occurrences", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 7},
    {"gmp_in_doubt_total", "counter", "Messages whose worker died while it held them: the relay may have got them twice", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 8},
    {"gmp_account_paused", "gauge", "1: the account is paused, and nothing of it is sent until it is resumed", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 9},
    {"gmp_account_failing", "gauge", "1: the account's relay, login or token endpoint fails, and it is tried again later; 0: it is well", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 10},
    {"gmp_account_limited", "gauge", "1: a rate limit keeps the account from sending for now", family_fill_accounts, METRIC_ACCOUNT_COUNTERS, 11},
    {"gmp_pending_messages", "gauge", "Current pending messages", family_fill_accounts, METRIC_BACKLOG, 4},
    {"gmp_oldest_due_seconds", "gauge", "How long the oldest message that may go has been due; 0: none is", family_fill_accounts, METRIC_BACKLOG, 5},
    {"gmp_unreported_events", "gauge", "Events the tenant was not told of yet", family_fill_tenants, METRIC_UNTOLD, 2},
    {"gmp_report_lag_seconds", "gauge", "Age of the oldest event the tenant was not told of yet; 0: none. No series where there is nobody to call", family_fill_tenants, METRIC_UNTOLD, 3},
    {"gmp_tenant_suspended", "gauge", "1: the tenant is suspended as a whole, and nothing of it is sent until it is activated", family_fill_tenants, METRIC_UNTOLD, 4},
    {"gmp_attempt_duration_seconds", "histogram", "Attempts by outcome, and how long composing, connecting and sending took", family_fill_durations, METRIC_DURATIONS, 0},
    {"gmp_smtp_replies_total", "counter", "Attempts by the class of the reply that decided them; none: there was no reply", family_fill_replies, METRIC_REPLIES, 0},
    {"gmp_in_flight_messages", "gauge", "Messages in the workers' hands", family_fill_one, METRIC_SERVICE, 0},
    {"gmp_workers_alive", "gauge", "Workers whose heartbeat is fresh", family_fill_one, METRIC_SERVICE, 1},
    {"gmp_active", "gauge", "1: messages are sent and reported; 0: the whole service is suspended", family_fill_one, METRIC_SERVICE, 2},
    {"gmp_restore_unconfirmed", "gauge", "1: the database was restored from a backup, and nothing is sent until an operator agrees", family_fill_one, METRIC_SERVICE, 4},
    {"gmp_schema_version", "gauge", "Last migration applied to the database", family_fill_one, METRIC_SERVICE, 3},
    {"gmp_partition_days_ahead", "gauge", "Days after today for which there is room in every table that is stored by the day; -1: not even today", family_fill_one, METRIC_DATABASE, 0},
    {"gmp_oldest_snapshot_transactions", "gauge", "Transactions begun since the oldest snapshot that is held: rows that died since then stay", family_fill_one, METRIC_DATABASE, 1},
    {"gmp_database_connections", "gauge", "Connections PostgreSQL has, whoever they are of", family_fill_one, METRIC_DATABASE, 2},
    {"gmp_database_connections_max", "gauge", "Connections PostgreSQL takes (max_connections)", family_fill_one, METRIC_DATABASE, 3},
    {"gmp_http_requests_total", "counter", "Requests answered by this process", family_fill_requests, METRIC_PROCESS, 0},
    {"gmp_http_request_duration_seconds", "histogram", "How long they took, from the header to the answer's last octet", family_fill_request_durations, METRIC_PROCESS, 0},
    {"gmp_http_requests_in_flight", "gauge", "Requests this process is working on, this one included", family_fill_process, METRIC_PROCESS, PROCESS_IN_FLIGHT},
    {"gmp_http_connections", "gauge", "Connections this process holds open, a thread each", family_fill_process, METRIC_PROCESS, PROCESS_CONNECTIONS},
    {"gmp_http_threads", "gauge", "Threads there are for connections (GMP_HTTP_THREADS)", family_fill_process, METRIC_PROCESS, PROCESS_THREADS},
    {"gmp_db_pool_size", "gauge", "Database connections this process may have (GMP_DB_POOL_SIZE)", family_fill_process, METRIC_PROCESS, PROCESS_POOL_SIZE},
    {"gmp_db_pool_open", "gauge", "Database connections it has", family_fill_process, METRIC_PROCESS, PROCESS_POOL_OPEN},
    {"gmp_db_pool_busy", "gauge", "Database connections at work for a request", family_fill_process, METRIC_PROCESS, PROCESS_POOL_BUSY},
    {"gmp_db_pool_waits_total", "counter", "Requests that had to wait for a database connection", family_fill_process, METRIC_PROCESS, PROCESS_POOL_WAITS},
    {"gmp_db_pool_refused_total", "counter", "Requests that waited for one in vain and were answered 503", family_fill_process, METRIC_PROCESS, PROCESS_POOL_REFUSED},
    {"gmp_start_time_seconds", "gauge", "When this process started, seconds since the epoch", family_fill_process, METRIC_PROCESS, PROCESS_STARTED},
    {"gmp_build_info", "gauge", "Always 1; the version is in the label", family_fill_build, METRIC_PROCESS, 0},
};
/* clang-format on */

void metric_families_write(struct buf *out, enum metric_source source, const PGresult *res,
                           const struct context *context)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const struct family *f = &families[i];

        if (f->source != source)
            continue;
        exposition_head(out, f->name, f->type, f->help);
        if (res || source == METRIC_PROCESS)
            f->fill(out, f, res, context);
    }
}
