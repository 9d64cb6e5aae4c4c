/*
 * traffic.c - GET /throughput: what came in, what went out and how long it took, over hours.
 *
 * The counting is bounded (mailproxy.traffic()), so that a busy service is told of in fewer hours
 * rather than slowly: `since_ts` says from when on.
 */
#include "server/http/rows.h"
#include "server/http/shape.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

enum { TRAFFIC_HOURS = 24, TRAFFIC_BUCKET_S = 300, TRAFFIC_COUNT_MAX = 300000 };

/* The columns of read_traffic, in order. */
enum traffic_column {
    TRAFFIC_SINCE_TS,
    TRAFFIC_START_TS,
    TRAFFIC_ACCEPTED,
    TRAFFIC_SENT,
    TRAFFIC_ERRORS,
    TRAFFIC_DEFERRED,
    TRAFFIC_P50_MS,
    TRAFFIC_P95_MS,
    TRAFFIC_P99_MS,
};

static void traffic_append_bucket(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "start_ts", db_int(res, row, TRAFFIC_START_TS));
    object_int(&o, "accepted", db_int(res, row, TRAFFIC_ACCEPTED));
    object_int(&o, "sent", db_int(res, row, TRAFFIC_SENT));
    object_int(&o, "error", db_int(res, row, TRAFFIC_ERRORS));
    object_int(&o, "deferred", db_int(res, row, TRAFFIC_DEFERRED));
    object_close(&o);
}

static void traffic_append_seconds(struct object *o, const char *key, int64_t ms)
{
    object_key(o, key);
    buf_printf(o->out, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

static void traffic_append_latency(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "start_ts", db_int(res, row, TRAFFIC_START_TS));
    traffic_append_seconds(&o, "p50_seconds", db_int(res, row, TRAFFIC_P50_MS));
    traffic_append_seconds(&o, "p95_seconds", db_int(res, row, TRAFFIC_P95_MS));
    traffic_append_seconds(&o, "p99_seconds", db_int(res, row, TRAFFIC_P99_MS));
    object_close(&o);
}

void traffic_get(struct request *req, struct reply *reply)
{
    int64_t bucket_s = value_int(req->query, "bucket_seconds", TRAFFIC_BUCKET_S);
    struct db_params p = {0};
    const char *tenant_id;
    struct db_conn *db;
    PGresult *res = NULL;
    struct error err;
    enum err rc;

    if (!request_tenant(req, NULL, &tenant_id, reply))
        return;
    db_param_text(&p, tenant_id);
    db_param_int(&p, value_int(req->query, "hours", TRAFFIC_HOURS));
    db_param_int(&p, bucket_s);
    db_param_int(&p, TRAFFIC_COUNT_MAX);
    rc = request_db_to_look(req, &db, &err);
    if (!rc)
        rc = db_run(db, &SQL_READ_TRAFFIC, &p, &res, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        object_int(&o, "bucket_seconds", bucket_s);
        object_int(&o, "since_ts", db_int(res, 0, TRAFFIC_SINCE_TS));
        rows_append(&o, "buckets", res, TRAFFIC_START_TS, traffic_append_bucket);
        rows_append(&o, "latency", res, TRAFFIC_P50_MS, traffic_append_latency);
        object_close(&o);
    }
    PQclear(res);
}
