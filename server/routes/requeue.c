/*
 * requeue.c - POST /commands/requeue: messages that were given up are tried again, deferred ones
 * before their time.
 *
 * What it comes to is decided, and noted in the command log, by mailproxy.requeue() and
 * mailproxy.retry_now(), which operators call by SQL.
 */
#include <string.h>

#include "server/command_log.h"
#include "server/http/fields.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

struct requeue {
    const struct request *req; /* borrowed */
    const char *tenant_id;     /* borrowed */
    bool deferred;             /* those that wait for a retry; else those that were given up */
    bool has_ids;
    struct db_array ids;
    PGresult *res; /* owned; without rows: no such tenant or account */
};

/* false: answered already. */
static bool requeue_check(const cJSON *body, struct reply *reply)
{
    struct fields f;

    if (value_has(body, "ids") || value_given(body, "status"))
        return true;
    f = fields_of("body", body);
    fields_fail(&f, "status", "missing", "Field required: say which messages by it, or by ids",
                NULL, NULL);
    reply_fields(reply, &f);
    fields_clear(&f);
    return false;
}

static void requeue_read_body(const cJSON *body, struct requeue *r)
{
    const char *status = value_given(body, "status");
    const cJSON *item;

    r->deferred = status && !strcmp(status, "deferred");
    r->has_ids = value_has(body, "ids");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(body, "ids"))
    {
        db_array_text(&r->ids, item->valuestring);
    }
}

/* transaction_fn */
static enum err requeue_run(struct db_conn *db, void *arg, struct error *err)
{
    struct requeue *r = arg;
    const cJSON *body = r->req->body;
    char actor[COMMAND_LOG_ACTOR_OCTETS];
    struct db_params p = {0};

    PQclear(r->res);
    r->res = NULL;
    db_param_text(&p, r->tenant_id);
    db_param_text(&p, value_given(body, "account_id"));
    db_param_text(&p, value_given(body, "batch_code"));
    if (r->has_ids)
        db_param_array(&p, &r->ids);
    else
        db_param_null(&p);
    db_param_bool(&p, value_bool(body, "dry_run", false));
    command_log_actor(r->req, actor);
    db_param_text(&p, actor);
    return db_run(db, r->deferred ? &SQL_RETRY_MESSAGES : &SQL_REQUEUE_MESSAGES, &p, &r->res, err);
}

static void requeue_answer(const struct requeue *r, struct reply *reply)
{
    struct object o;

    if (!PQntuples(r->res)) {
        reply_detail(reply, 400, "tenant or account not found");
        return;
    }
    o = object_open(reply_json(reply, 200));
    object_bool(&o, "ok", true);
    object_int(&o, "requeued", db_int(r->res, 0, 0));
    object_int(&o, "remaining", db_int(r->res, 0, 1));
    object_close(&o);
}

void requeue_post(struct request *req, struct reply *reply)
{
    struct requeue r = {.req = req};
    struct db_conn *db;
    struct error err;
    enum err rc;

    if (!requeue_check(req->body, reply) ||
        !request_tenant(req, value_text(req->body, "tenant_id"), &r.tenant_id, reply))
        return;
    if (!r.tenant_id)
        r.tenant_id = "default";
    r.ids = db_array_of(DB_TEXT);
    requeue_read_body(req->body, &r);
    rc = db_array_check(&r.ids, &err);
    if (!rc)
        rc = request_db_to_look(req, &db, &err);
    if (!rc)
        rc = transaction_run(db, requeue_run, &r, &err);
    if (rc)
        reply_error(reply, &err);
    else
        requeue_answer(&r, reply);
    command_log_refusal(req, reply, "requeueMessages", r.tenant_id);
    PQclear(r.res);
    db_array_clear(&r.ids);
}
