/*
 * command_log.c - GET /command-log and its export: pages of rows become one stream, as in
 * listing.c.
 *
 * Commands that are noted while the log is read, but whose transaction began earlier than what was
 * read last, may be missing.
 */
#include "common/json.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

enum { COMMAND_LOG_LIMIT = 100, COMMAND_LOG_EXPORT_MAX = 100000 };

/* What list_commands gives. */
enum command_log_column {
    COMMAND_LOG_ID,
    COMMAND_LOG_AT_US,
    COMMAND_LOG_TS,
    COMMAND_LOG_ENDPOINT,
    COMMAND_LOG_TENANT_ID,
    COMMAND_LOG_PAYLOAD,
    COMMAND_LOG_STATUS,
};

struct command_log {
    const char *tenant_id, *part; /* borrowed; NULL: any */
    int64_t at_us, command_id;    /* the last row seen, in the order of the log */
    int64_t until_s;              /* -1: no end */
    int64_t left;                 /* rows still wanted */
    int64_t total;
    bool is_export;
};

static enum err command_log_read_page(struct request *req, const struct command_log *l,
                                      PGresult **ret, struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    enum err rc = request_db(req, &db, err);

    db_param_text(&p, l->tenant_id);
    db_param_int(&p, l->at_us);
    db_param_int(&p, l->command_id);
    if (l->until_s >= 0)
        db_param_int(&p, l->until_s);
    else
        db_param_null(&p);
    db_param_text(&p, l->part);
    db_param_int(&p, l->left);
    if (!rc)
        rc = db_run(db, &SQL_LIST_COMMANDS, &p, ret, err);
    request_give_db(req); /* a slow client holds a page, and no connection */
    return rc;
}

static void command_log_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "id", db_int(res, row, COMMAND_LOG_ID));
    object_int(&o, "command_ts", db_int(res, row, COMMAND_LOG_TS));
    object_text(&o, "endpoint", db_str(res, row, COMMAND_LOG_ENDPOINT));
    object_text(&o, "tenant_id", db_str(res, row, COMMAND_LOG_TENANT_ID));
    object_raw(&o, "payload", db_str(res, row, COMMAND_LOG_PAYLOAD));
    if (!db_is_null(res, row, COMMAND_LOG_STATUS))
        object_int(&o, "response_status", db_int(res, row, COMMAND_LOG_STATUS));
    object_close(&o);
}

static void command_log_append_exported(const PGresult *res, int row, struct buf *out)
{
    const char *tenant_id = db_str(res, row, COMMAND_LOG_TENANT_ID);
    const char *payload = db_str(res, row, COMMAND_LOG_PAYLOAD);
    struct object o = object_open(out);

    object_text(&o, "endpoint", db_str(res, row, COMMAND_LOG_ENDPOINT));
    if (tenant_id)
        object_text(&o, "tenant_id", tenant_id);
    else
        object_raw(&o, "tenant_id", "null");
    object_raw(&o, "payload", payload ? payload : "null");
    object_int(&o, "command_ts", db_int(res, row, COMMAND_LOG_TS));
    object_close(&o);
}

/* false: the client is gone. */
static bool command_log_write_page(struct command_log *l, const PGresult *page, struct reply *reply)
{
    for (int row = 0; row < PQntuples(page); row++) {
        if (l->total++)
            buf_append_char(&reply->body, ',');
        if (l->is_export)
            command_log_append_exported(page, row, &reply->body);
        else
            command_log_append_row(page, row, &reply->body);
        l->at_us = db_int(page, row, COMMAND_LOG_AT_US);
        l->command_id = db_int(page, row, COMMAND_LOG_ID);
        l->left--;
        if (!reply_flush(reply))
            return false;
    }
    return true;
}

static void command_log_stream(struct request *req, struct command_log *l, struct reply *reply)
{
    PGresult *page = NULL;
    struct error err;
    enum err rc = command_log_read_page(req, l, &page, &err);

    if (rc) {
        reply_error(reply, &err);
        return;
    }
    buf_append_str(reply_stream(reply), "{\"ok\":true,\"commands\":[");
    while (!rc && PQntuples(page)) {
        bool there = command_log_write_page(l, page, reply);

        PQclear(page);
        page = NULL;
        rc = there ? command_log_read_page(req, l, &page, &err)
                   : error_set(&err, ERR_NET, "the client went away in the middle of the log");
    }
    PQclear(page);
    if (rc) {
        reply_stream_cut(reply, &err);
        return;
    }
    buf_append_char(&reply->body, ']');
    if (!l->is_export)
        buf_printf(&reply->body, ",\"total\":%lld", (long long)l->total);
    buf_append_char(&reply->body, '}');
    reply_stream_end(reply);
}

static struct command_log command_log_of(const struct request *req)
{
    return (struct command_log){
        .tenant_id = value_given(req->query, "tenant_id"),
        .at_us = value_int(req->query, "since_ts", 0) * INT64_C(1000000),
        .until_s = value_int(req->query, "until_ts", -1),
    };
}

void command_log_get(struct request *req, struct reply *reply)
{
    struct command_log l = command_log_of(req);

    l.part = value_given(req->query, "endpoint_filter");
    l.left = value_int(req->query, "limit", COMMAND_LOG_LIMIT);
    command_log_stream(req, &l, reply);
}

void command_log_export(struct request *req, struct reply *reply)
{
    struct command_log l = command_log_of(req);

    l.left = COMMAND_LOG_EXPORT_MAX;
    l.is_export = true;
    command_log_stream(req, &l, reply);
}
