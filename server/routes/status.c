/*
 * status.c - is the service there, can it work, is it active; and who is asking?
 */
#include "common/migrate.h"
#include "server/http/object.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

/* Never touches the database: it says that the process answers, no more. */
void status_health(struct request *req, struct reply *reply)
{
    (void)req;
    buf_append_str(reply_json(reply, 200), "{\"status\":\"ok\"}");
}

void status_ready(struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = migrate_check(db, &err);
    if (!rc)
        buf_append_str(reply_json(reply, 200), "{\"status\":\"ok\"}");
    else if (rc == ERR_CONFIG) /* says which schema versions, and the remedy */
        reply_detail(reply, 503, "%s", err.text);
    else
        reply_error(reply, &err);
}

void status_get(struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct db_params params = {0};
    struct error err;
    PGresult *res = NULL;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = db_run(db, &SQL_READ_INSTANCE, &params, &res, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        object_bool(&o, "active", PQntuples(res) == 1 && db_bool(res, 0, 0));
        object_close(&o);
    }
    PQclear(res);
}

void status_whoami(struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct db_params params = {0};
    struct error err;
    PGresult *res = NULL;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = db_run(db, &SQL_READ_INSTANCE, &params, &res, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        object_bool(&o, "admin", req->caller.kind != CALLER_TENANT);
        object_text(&o, "tenant_id", req->caller.tenant_id);
        object_bool(&o, "active", db_bool(res, 0, 0));
        object_text(&o, "version", MAILPROXY_VERSION);
        object_text(&o, "time_zone", req->context->config->timezone);
        object_int(&o, "now_ts", db_int(res, 0, 1));
        object_close(&o);
    }
    PQclear(res);
}
