/*
 * rules.c - the rules that pace the polling of tenants without news.
 *
 * Whatever is asked, the answer is every rule as it is now. Triggers wake the workers, so that
 * rules changed by SQL act as soon.
 */
#include "common/db_array.h"
#include "server/command_log.h"
#include "server/http/rows.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

static void rules_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "id", db_int(res, row, 0));
    object_text(&o, "name", db_str(res, row, 1));
    object_bool(&o, "enabled", db_bool(res, row, 2));
    object_int(&o, "priority", db_int(res, row, 3));
    object_raw(&o, "days", db_str(res, row, 4));
    object_raw(&o, "start_hour", db_str(res, row, 5));
    object_raw(&o, "end_hour", db_str(res, row, 6));
    object_bool(&o, "cross_midnight", db_bool(res, row, 7));
    object_int(&o, "interval_minutes", db_int(res, row, 8));
    object_close(&o);
}

static void rules_answer(struct db_conn *db, struct reply *reply)
{
    struct db_params none = {0};
    PGresult *res = NULL;
    struct error err;

    if (db_run(db, &SQL_LIST_RULES, &none, &res, &err)) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        rows_append(&o, "rules", res, ROWS_ALL, rules_append_row);
        object_close(&o);
    }
    PQclear(res);
}

void rules_list(struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct error err;

    if (request_db(req, &db, &err))
        reply_error(reply, &err);
    else
        rules_answer(db, reply);
}

static void rules_param_hour(struct db_params *p, const cJSON *body, const char *name)
{
    if (value_has(body, name))
        db_param_int(p, value_int(body, name, 0));
    else
        db_param_null(p);
}

struct rules_command {
    const struct request *req;
    const char *endpoint;
    const struct db_stmt *stmt;
    const struct db_params *params;
    bool adds;
};

/* Rules are added one at a time, so that each gets a priority of its own. */
static enum err rules_lock(struct db_conn *db, struct error *err)
{
    struct db_params none = {0};
    PGresult *res = NULL;
    enum err rc = db_run(db, &SQL_LOCK_RULES, &none, &res, err);

    PQclear(res);
    return rc;
}

/* transaction_fn. */
static enum err rules_run(struct db_conn *db, void *arg, struct error *err)
{
    const struct rules_command *c = arg;
    PGresult *res = NULL;
    enum err rc = c->adds ? rules_lock(db, err) : ERR_OK;

    if (!rc)
        rc = db_run(db, c->stmt, c->params, &res, err);
    if (!rc)
        rc = command_log_append(db, c->req, c->endpoint, NULL, err);
    PQclear(res);
    return rc;
}

static void rules_change(struct rules_command *command, struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = transaction_run(db, rules_run, command, &err);
    if (rc)
        reply_error(reply, &err);
    else
        rules_answer(db, reply);
}

void rules_post(struct request *req, struct reply *reply)
{
    struct db_array days = db_array_of(DB_INT4);
    struct db_params p = {0};
    struct rules_command add = {req, "addRule", &SQL_INSERT_RULE, &p, .adds = true};
    struct error err;

    (void)value_ints(req->body, "days", &days); /* absent: none, which is every day */
    if (db_array_check(&days, &err)) {
        reply_error(reply, &err);
    } else {
        db_param_text(&p, value_text(req->body, "name"));
        db_param_bool(&p, value_bool(req->body, "enabled", true));
        db_param_array(&p, &days);
        rules_param_hour(&p, req->body, "start_hour");
        rules_param_hour(&p, req->body, "end_hour");
        db_param_bool(&p, value_bool(req->body, "cross_midnight", false));
        db_param_int(&p, value_int(req->body, "interval_minutes", 1));
        rules_change(&add, req, reply);
    }
    db_array_clear(&days);
}

void rules_patch(struct request *req, struct reply *reply)
{
    struct db_params p = {0};
    struct rules_command change = {req, "updateRule", &SQL_SET_RULE_ENABLED, &p, .adds = false};

    db_param_int(&p, value_int(req->params, "rule_id", 0));
    db_param_bool(&p, value_bool(req->body, "enabled", false));
    rules_change(&change, req, reply);
}

void rules_delete(struct request *req, struct reply *reply)
{
    struct db_params p = {0};
    struct rules_command drop = {req, "deleteRule", &SQL_DELETE_RULE, &p, .adds = false};

    db_param_int(&p, value_int(req->params, "rule_id", 0));
    rules_change(&drop, req, reply);
}
