/*
 * errors.c - GET /errors: what relays have said instead of yes, the most frequent first.
 */
#include "server/http/rows.h"
#include "server/http/shape.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

enum { ERRORS_HOURS = 24 };

/* The columns of list_errors, in order. */
enum errors_column {
    ERRORS_SINCE_TS,
    ERRORS_TENANT_ID,
    ERRORS_ACCOUNT_ID,
    ERRORS_CODE,
    ERRORS_STATUS,
    ERRORS_OUTCOME,
    ERRORS_REPLY,
    ERRORS_COUNT,
    ERRORS_LAST_TS,
    ERRORS_EXAMPLE_ID,
};

static void errors_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "tenant_id", db_str(res, row, ERRORS_TENANT_ID));
    object_text(&o, "account_id", db_str(res, row, ERRORS_ACCOUNT_ID));
    object_raw(&o, "code", db_str(res, row, ERRORS_CODE));
    object_text(&o, "enhanced_code", db_str(res, row, ERRORS_STATUS));
    object_text(&o, "outcome", db_str(res, row, ERRORS_OUTCOME));
    object_text(&o, "reason", db_str(res, row, ERRORS_REPLY));
    object_int(&o, "count", db_int(res, row, ERRORS_COUNT));
    object_int(&o, "last_ts", db_int(res, row, ERRORS_LAST_TS));
    object_text(&o, "example_id", db_str(res, row, ERRORS_EXAMPLE_ID));
    object_close(&o);
}

void errors_get(struct request *req, struct reply *reply)
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
    db_param_int(&p, value_int(req->query, "hours", ERRORS_HOURS));
    rc = request_db_to_look(req, &db, &err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_ERRORS, &p, &res, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        object_int(&o, "since_ts", db_int(res, 0, ERRORS_SINCE_TS));
        /* A null tenant: there are none at all. */
        rows_append(&o, "errors", res, ERRORS_TENANT_ID, errors_append_row);
        object_close(&o);
    }
    PQclear(res);
}
