/*
 * backlog.c - GET /queue: what each account has still to send, and what of it is suspended.
 */
#include "server/http/rows.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

/* The columns of list_backlog, in order. */
enum backlog_column {
    BACKLOG_TENANT_ID,
    BACKLOG_TENANT_NAME,
    BACKLOG_ACCOUNT_ID,
    BACKLOG_ACCOUNT_NAME,
    BACKLOG_WAITING,
    BACKLOG_DUE,
    BACKLOG_SENDING,
    BACKLOG_DEFERRED,
    BACKLOG_HELD,
    BACKLOG_OLDEST_DUE_S,
    BACKLOG_DRAIN_S,
};

static void backlog_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "tenant_id", db_str(res, row, BACKLOG_TENANT_ID));
    object_text(&o, "tenant_name", db_str(res, row, BACKLOG_TENANT_NAME));
    object_text(&o, "account_id", db_str(res, row, BACKLOG_ACCOUNT_ID));
    object_text(&o, "account_name", db_str(res, row, BACKLOG_ACCOUNT_NAME));
    object_int(&o, "waiting", db_int(res, row, BACKLOG_WAITING));
    object_int(&o, "due", db_int(res, row, BACKLOG_DUE));
    object_int(&o, "sending", db_int(res, row, BACKLOG_SENDING));
    object_int(&o, "deferred", db_int(res, row, BACKLOG_DEFERRED));
    object_int(&o, "held", db_int(res, row, BACKLOG_HELD));
    object_raw(&o, "oldest_due_seconds", db_str(res, row, BACKLOG_OLDEST_DUE_S));
    object_raw(&o, "drain_seconds", db_str(res, row, BACKLOG_DRAIN_S));
    object_close(&o);
}

static void backlog_append_suspended(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "tenant_id", db_str(res, row, 0));
    object_raw(&o, "batches", db_str(res, row, 1));
    object_close(&o);
}

void backlog_get(struct request *req, struct reply *reply)
{
    struct db_params p = {0};
    const char *tenant_id;
    struct db_conn *db;
    PGresult *res = NULL, *suspended = NULL;
    struct error err;
    enum err rc;

    if (!request_tenant(req, NULL, &tenant_id, reply))
        return;
    db_param_text(&p, tenant_id);
    rc = request_db_to_look(req, &db, &err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_BACKLOG, &p, &res, &err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_SUSPENDED, &p, &suspended, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        rows_append(&o, "accounts", res, ROWS_ALL, backlog_append_row);
        rows_append(&o, "suspended", suspended, ROWS_ALL, backlog_append_suspended);
        object_close(&o);
    }
    PQclear(suspended);
    PQclear(res);
}
