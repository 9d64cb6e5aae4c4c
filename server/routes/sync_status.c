/*
 * sync_status.c - where the conversation with each tenant stands.
 */
#include "server/http/rows.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

/* The columns of list_sync_status, in order. */
enum sync_status_column {
    SYNC_STATUS_TENANT_ID,
    SYNC_STATUS_NAME,
    SYNC_STATUS_ACTIVE,
    SYNC_STATUS_BASE_URL,
    SYNC_STATUS_LAST_SYNC,
    SYNC_STATUS_DUE,
    SYNC_STATUS_IN_DND,
    SYNC_STATUS_INTERVAL,
};

static void sync_status_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "id", db_str(res, row, SYNC_STATUS_TENANT_ID));
    object_text(&o, "name", db_str(res, row, SYNC_STATUS_NAME));
    object_bool(&o, "active", db_bool(res, row, SYNC_STATUS_ACTIVE));
    object_text(&o, "client_base_url", db_str(res, row, SYNC_STATUS_BASE_URL));
    object_raw(&o, "last_sync_ts", db_str(res, row, SYNC_STATUS_LAST_SYNC));
    object_bool(&o, "next_sync_due", db_bool(res, row, SYNC_STATUS_DUE));
    object_bool(&o, "in_dnd", db_bool(res, row, SYNC_STATUS_IN_DND));
    object_close(&o);
}

static void sync_status_write(const PGresult *res, struct buf *out)
{
    struct object o = object_open(out);

    object_bool(&o, "ok", true);
    rows_append(&o, "tenants", res, SYNC_STATUS_TENANT_ID, sync_status_append_row);
    object_raw(&o, "sync_interval_seconds", db_str(res, 0, SYNC_STATUS_INTERVAL));
    object_close(&o);
}

void sync_status_get(struct request *req, struct reply *reply)
{
    const struct config *config = req->context->config;
    struct db_params p = {0};
    PGresult *res = NULL;
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    db_param_int(&p, config->sync_interval);
    db_param_text(&p, config->timezone);
    db_param_bool(&p, config->client_sync_url != NULL);
    if (!rc)
        rc = db_run(db, &SQL_LIST_SYNC_STATUS, &p, &res, &err);
    if (rc)
        reply_error(reply, &err);
    else
        sync_status_write(res, reply_json(reply, 200));
    PQclear(res);
}
