/*
 * account_health.c - GET /accounts/health: which accounts can send, and how much of their limits is
 * left.
 */
#include "common/json.h"
#include "server/http/rows.h"
#include "server/routes/account_warnings.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

/* The columns of list_account_health, in order. */
enum account_health_column {
    ACCOUNT_HEALTH_TENANT_ID,
    ACCOUNT_HEALTH_ACCOUNT_ID,
    ACCOUNT_HEALTH_NAME,
    ACCOUNT_HEALTH_HOST,
    ACCOUNT_HEALTH_PORT,
    ACCOUNT_HEALTH_STATE,
    ACCOUNT_HEALTH_REASON,
    ACCOUNT_HEALTH_UNTIL_TS,
    ACCOUNT_HEALTH_FAILURES,
    ACCOUNT_HEALTH_CONNECTIONS,
    ACCOUNT_HEALTH_MAX_CONNECTIONS,
    ACCOUNT_HEALTH_SERVED_TS,
    ACCOUNT_HEALTH_WINDOWS,
    ACCOUNT_HEALTH_HAS_USER,
    ACCOUNT_HEALTH_USE_TLS,
    ACCOUNT_HEALTH_TLS_VERIFY,
    ACCOUNT_HEALTH_EXPIRED,
};

static void account_health_append_warnings(struct object *o, const PGresult *res, int row)
{
    const struct account_setup setup = {
        .port = db_int(res, row, ACCOUNT_HEALTH_PORT),
        .has_user = db_bool(res, row, ACCOUNT_HEALTH_HAS_USER),
        .has_use_tls = !db_is_null(res, row, ACCOUNT_HEALTH_USE_TLS),
        .use_tls = db_bool(res, row, ACCOUNT_HEALTH_USE_TLS),
        .tls_verify = db_bool(res, row, ACCOUNT_HEALTH_TLS_VERIFY),
        .certificate_expired = db_bool(res, row, ACCOUNT_HEALTH_EXPIRED),
    };
    const char *warnings[ACCOUNT_WARNINGS_MAX];
    size_t count = account_warnings(&setup, warnings);

    if (!count)
        return;
    object_key(o, "warnings");
    for (size_t i = 0; i < count; i++) {
        buf_append_char(o->out, i ? ',' : '[');
        json_append_string(o->out, warnings[i]);
    }
    buf_append_char(o->out, ']');
}

static void account_health_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "tenant_id", db_str(res, row, ACCOUNT_HEALTH_TENANT_ID));
    object_text(&o, "account_id", db_str(res, row, ACCOUNT_HEALTH_ACCOUNT_ID));
    object_text(&o, "account_name", db_str(res, row, ACCOUNT_HEALTH_NAME));
    object_text(&o, "host", db_str(res, row, ACCOUNT_HEALTH_HOST));
    object_int(&o, "port", db_int(res, row, ACCOUNT_HEALTH_PORT));
    object_text(&o, "state", db_str(res, row, ACCOUNT_HEALTH_STATE));
    object_text(&o, "reason", db_str(res, row, ACCOUNT_HEALTH_REASON));
    object_raw(&o, "until_ts", db_str(res, row, ACCOUNT_HEALTH_UNTIL_TS));
    object_int(&o, "failures", db_int(res, row, ACCOUNT_HEALTH_FAILURES));
    object_int(&o, "connections", db_int(res, row, ACCOUNT_HEALTH_CONNECTIONS));
    object_raw(&o, "max_connections", db_str(res, row, ACCOUNT_HEALTH_MAX_CONNECTIONS));
    object_int(&o, "served_ts", db_int(res, row, ACCOUNT_HEALTH_SERVED_TS));
    object_key(&o, "windows");
    buf_append_char(out, '[');
    buf_append_str(out, db_str(res, row, ACCOUNT_HEALTH_WINDOWS));
    buf_append_char(out, ']');
    account_health_append_warnings(&o, res, row);
    object_close(&o);
}

void account_health_get(struct request *req, struct reply *reply)
{
    struct db_params p = {0};
    const char *tenant_id;
    struct db_conn *db;
    PGresult *res = NULL;
    struct error err;
    enum err rc;

    if (!request_tenant(req, NULL, &tenant_id, reply))
        return;
    db_param_text(&p, tenant_id);
    rc = request_db_to_look(req, &db, &err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_ACCOUNT_HEALTH, &p, &res, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        rows_append(&o, "accounts", res, ROWS_ALL, account_health_append_row);
        object_close(&o);
    }
    PQclear(res);
}
