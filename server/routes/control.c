/*
 * control.c - commands that steer the work: run-now.
 */
#include <string.h>

#include "common/json.h"
#include "server/http/shape.h"
#include "server/notifier.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

/* Whose sync is meant? The query before the body here. false: answered already. */
static bool control_find_tenant(struct request *req, const char **ret, bool *ret_in_query,
                                struct reply *reply)
{
    const cJSON *in_body = json_get_value(req->body, "tenant_id");
    const char *named = NULL;

    *ret_in_query = value_given(req->query, "tenant_id") != NULL;
    if (!*ret_in_query && cJSON_IsString(in_body) && !json_check_text(in_body->valuestring))
        named = in_body->valuestring;
    return request_tenant(req, named, ret, reply);
}

void control_run_now(struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct db_params params = {0};
    struct error err;
    PGresult *res = NULL;
    const char *tenant_id;
    bool in_query;
    enum err rc;

    if (!control_find_tenant(req, &tenant_id, &in_query, reply))
        return;
    db_param_text(&params, tenant_id);
    db_param_bool(&params,
                  in_query || req->caller.kind == CALLER_TENANT); /* overrides do-not-disturb */
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run_one(db, &SQL_RUN_NOW, &params, &res, &err);
    PQclear(res);
    if (rc) {
        reply_error(reply, &err);
        return;
    }
    notifier_poke(req->context->notifier);
    reply_ok(reply);
}
