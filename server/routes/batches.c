/*
 * batches.c - suspend and activate: one batch, a tenant, or the whole service.
 *
 * What is suspended stands in tenant.suspended_batches and instance.active. Triggers make the queue
 * and the workers follow, so that whoever changes these by SQL has the same effect.
 */
#include "server/command_log.h"
#include "server/http/object.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

enum {
    BATCHES_SUSPENDED_MAX = 1000
}; /* at once, in a tenant: every message stored is held against them */

/* One command about a tenant, and what came of it. */
struct batches_command {
    const struct request *req;
    const char *tenant_id;  /* borrowed */
    const char *batch_code; /* borrowed; NULL: the whole tenant */
    bool activate;
    PGresult *suspended; /* owned; the first row is suspend_tenant's or activate_tenant's */
    int64_t pending;
};

static enum err batches_count(struct db_conn *db, struct batches_command *command,
                              struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_text(&params, command->tenant_id);
    db_param_text(&params, command->batch_code);
    rc = db_run(db, &SQL_COUNT_PENDING, &params, &res, err);
    if (!rc)
        command->pending = db_int(res, 0, 0);
    PQclear(res);
    return rc;
}

static const char *batches_endpoint(bool activate)
{
    return activate ? "activate" : "suspend";
}

/* A batch that was one too many: nothing was changed. */
static bool batches_overflowed(const struct batches_command *command)
{
    return !command->activate && db_bool(command->suspended, 0, 1);
}

/* transaction_fn */
static enum err batches_run(struct db_conn *db, void *arg, struct error *err)
{
    struct batches_command *command = arg;
    struct db_params params = {0};
    enum err rc;

    PQclear(command->suspended);
    command->suspended = NULL;
    db_param_text(&params, command->tenant_id);
    db_param_text(&params, command->batch_code);
    if (!command->activate)
        db_param_int(&params, BATCHES_SUSPENDED_MAX);
    rc = db_run(db, command->activate ? &SQL_ACTIVATE_TENANT : &SQL_SUSPEND_TENANT, &params,
                &command->suspended, err);
    if (rc || PQntuples(command->suspended) == 0 || batches_overflowed(command))
        return rc;
    rc = batches_count(db, command, err);
    return rc ? rc
              : command_log_append(db, command->req, batches_endpoint(command->activate),
                                   command->tenant_id, err);
}

static void batches_answer(const struct batches_command *command, struct reply *reply)
{
    struct object o;

    if (PQntuples(command->suspended) == 0) {
        reply_detail(reply, 400, "%s",
                     command->activate ? "tenant not found or cannot activate single batch from "
                                         "full suspension"
                                       : "tenant not found");
        return;
    }
    if (batches_overflowed(command)) {
        reply_detail(reply, 400,
                     "%d batches are suspended already: activate some of them, or suspend the "
                     "whole tenant",
                     BATCHES_SUSPENDED_MAX);
        return;
    }
    o = object_open(reply_json(reply, 200));
    object_bool(&o, "ok", true);
    object_text(&o, "tenant_id", command->tenant_id);
    object_text(&o, "batch_code", command->batch_code);
    object_raw(&o, "suspended_batches", db_str(command->suspended, 0, 0));
    object_int(&o, "pending_messages", command->pending);
    object_close(&o);
}

static void batches_refuse(struct request *req, const char *why, struct reply *reply)
{
    struct fields query = fields_of("query", req->query);

    fields_fail(&query, "tenant_id", "missing", why, NULL, NULL);
    reply_fields(reply, &query);
    fields_clear(&query);
}

/* The whole service, which only one without tenants of its own has a switch for. */
struct batches_switch {
    const struct request *req;
    bool active;
    bool has_tenants; /* nothing was changed */
};

/* transaction_fn */
static enum err batches_run_switch(struct db_conn *db, void *arg, struct error *err)
{
    struct batches_switch *command = arg;
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_bool(&params, command->active);
    rc = db_run(db, &SQL_SWITCH_INSTANCE, &params, &res, err);
    if (!rc)
        command->has_tenants = db_bool(res, 0, 0);
    PQclear(res);
    if (rc || command->has_tenants)
        return rc;
    return command_log_append(db, command->req, batches_endpoint(command->active), NULL, err);
}

static void batches_switch(struct request *req, bool active, struct reply *reply)
{
    struct batches_switch command = {.req = req, .active = active};
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = transaction_run(db, batches_run_switch, &command, &err);
    if (rc) {
        reply_error(reply, &err);
    } else if (command.has_tenants) {
        batches_refuse(req, "Field required: there are tenants, say which one is meant", reply);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        object_bool(&o, "active", active);
        object_close(&o);
    }
}

static void batches_command(struct request *req, bool activate, struct reply *reply)
{
    struct batches_command command = {
        .req = req, .batch_code = value_given(req->query, "batch_code"), .activate = activate};
    struct db_conn *db;
    struct error err;
    enum err rc;

    if (!request_tenant(req, NULL, &command.tenant_id, reply))
        return;
    if (!command.tenant_id && command.batch_code) {
        batches_refuse(req, "Field required: a batch is some tenant's, say whose", reply);
        return;
    }
    if (!command.tenant_id) {
        batches_switch(req, activate, reply);
        return;
    }
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run(db, batches_run, &command, &err);
    if (rc)
        reply_error(reply, &err);
    else
        batches_answer(&command, reply);
    command_log_refusal(req, reply, batches_endpoint(activate), command.tenant_id);
    PQclear(command.suspended);
}

void batches_suspend(struct request *req, struct reply *reply)
{
    batches_command(req, false, reply);
}

void batches_activate(struct request *req, struct reply *reply)
{
    batches_command(req, true, reply);
}
