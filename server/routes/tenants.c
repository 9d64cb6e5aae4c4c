/*
 * tenants.c - the stores that hand over mail: shown, deleted, given tokens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/token.h"
#include "server/command_log.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/client_auth.h"
#include "server/routes/registration.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

/* JSON out of the database, which writes it with spaces. */
static void tenants_append_json(struct object *o, const char *key, const char *text)
{
    cJSON *value = text ? cJSON_Parse(text) : NULL;

    if (value) {
        object_key(o, key);
        json_append_value(o->out, value);
    }
    cJSON_Delete(value);
}

static void tenants_append_row(struct request *req, const PGresult *res, int row, struct buf *out)
{
    const char *tenant_id = db_str(res, row, 0);
    struct object o = object_open(out);
    cJSON *auth = NULL;
    struct error err;

    object_text(&o, "id", tenant_id);
    object_text(&o, "name", db_str(res, row, 1));
    if (client_auth_open(req->context->keys, tenant_id, res, row, 2, &auth, &err))
        log_error(LOG_WARN, "http", "client_auth_unreadable",
                  &err); /* shown as if there were none */
    if (auth) {
        object_key(&o, "client_auth");
        client_auth_append_masked(out, auth);
    }
    cJSON_Delete(auth);
    object_text(&o, "client_base_url", db_str(res, row, 4));
    object_text(&o, "client_sync_path", db_str(res, row, 5));
    object_text(&o, "client_attachment_path", db_str(res, row, 6));
    tenants_append_json(&o, "rate_limits", db_str(res, row, 7));
    tenants_append_json(&o, "large_file_config", db_str(res, row, 8));
    object_bool(&o, "active", db_bool(res, row, 9));
    object_text(&o, "report_format", db_str(res, row, 10));
    object_text(&o, "report_secret", db_bool(res, row, 11) ? CLIENT_AUTH_MASK : NULL);
    object_raw(&o, "retry_delays", db_str(res, row, 12));
    if (!db_is_null(res, row, 15))
        object_int(&o, "retry_max_age", db_int(res, row, 15));
    object_time(&o, "created_at", db_int(res, row, 13));
    object_time(&o, "updated_at", db_int(res, row, 14));
    object_close(&o);
}

static enum err tenants_find(struct request *req, const char *tenant_id, bool active_only,
                             PGresult **ret, struct error *err)
{
    struct db_conn *db;
    struct db_params p = {0};
    enum err rc = request_db(req, &db, err);

    db_param_text(&p, tenant_id);
    db_param_bool(&p, active_only);
    return rc ? rc : db_run(db, &SQL_LIST_TENANTS, &p, ret, err);
}

void tenants_get(struct request *req, struct reply *reply)
{
    const char *tenant_id = value_text(req->params, "tenant_id");
    PGresult *res = NULL;
    struct error err;

    if (tenants_find(req, tenant_id, false, &res, &err))
        reply_error(reply, &err);
    else if (!PQntuples(res))
        reply_detail(reply, 404, "Tenant '%s' not found", tenant_id);
    else
        tenants_append_row(req, res, 0, reply_json(reply, 200));
    PQclear(res);
}

void tenants_list(struct request *req, struct reply *reply)
{
    PGresult *res = NULL;
    struct error err;

    if (tenants_find(req, NULL, value_bool(req->query, "active_only", false), &res, &err)) {
        reply_error(reply, &err);
    } else {
        struct buf *out = reply_json(reply, 200);

        buf_append_str(out, "{\"ok\":true,\"tenants\":[");
        for (int i = 0; i < PQntuples(res); i++) {
            if (i)
                buf_append_char(out, ',');
            tenants_append_row(req, res, i, out);
        }
        buf_append_str(out, "]}");
    }
    PQclear(res);
}

struct tenants_command {
    const struct request *req;
    const struct db_stmt *stmt; /* its rows tell whether the tenant exists */
    const struct db_params *params;
    const char *endpoint, *tenant_id;
};

/* transaction_fn. ERR_NOT_FOUND: no such tenant. */
static enum err tenants_run(struct db_conn *db, void *arg, struct error *err)
{
    const struct tenants_command *c = arg;
    PGresult *res = NULL;
    enum err rc = db_run(db, c->stmt, c->params, &res, err);

    if (!rc && !PQntuples(res))
        rc = error_set(err, ERR_NOT_FOUND, "Tenant '%s' not found", c->tenant_id);
    if (!rc)
        rc = command_log_append(db, c->req, c->endpoint, c->tenant_id, err);
    PQclear(res);
    return rc;
}

/* false: answered already. */
static bool tenants_change(struct request *req, const char *endpoint, const struct db_stmt *stmt,
                           const struct db_params *params, struct reply *reply)
{
    struct tenants_command command = {req, stmt, params, endpoint,
                                      value_text(req->params, "tenant_id")};
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = transaction_run(db, tenants_run, &command, &err);
    if (rc)
        reply_error(reply, &err);
    return !rc;
}

void tenants_delete(struct request *req, struct reply *reply)
{
    const char *tenant_id = value_text(req->params, "tenant_id");
    struct db_params p = {0};

    if (!strcmp(tenant_id, "default")) {
        reply_detail(reply, 400, "Tenant 'default' cannot be deleted");
        command_log_refusal(req, reply, "deleteTenant", tenant_id);
        return;
    }
    db_param_text(&p, tenant_id);
    if (tenants_change(req, "deleteTenant", &SQL_DELETE_TENANT, &p, reply))
        reply_ok(reply);
}

void tenants_make_key(struct request *req, struct reply *reply)
{
    const char *tenant_id = value_text(req->params, "tenant_id");
    unsigned char hash[TOKEN_HASH_OCTETS];
    char api_key[TOKEN_TEXT_OCTETS] = "";
    struct db_params p = {0};
    struct error err;

    if (token_make(api_key, &err) || token_hash(api_key, hash, &err)) {
        reply_error(reply, &err);
    } else {
        db_param_text(&p, tenant_id);
        db_param_octets(&p, hash, sizeof(hash));
        if (value_has(req->body, "expires_at"))
            db_param_int(&p, value_int(req->body, "expires_at", 0));
        else
            db_param_null(&p);
        if (tenants_change(req, "createApiKey", &SQL_SET_API_KEY, &p, reply))
            registration_reply_key(reply, api_key);
    }
    explicit_bzero(api_key, sizeof(api_key));
}

void tenants_drop_key(struct request *req, struct reply *reply)
{
    const char *tenant_id = value_text(req->params, "tenant_id");
    struct db_params p = {0};

    db_param_text(&p, tenant_id);
    db_param_null(&p);
    db_param_null(&p);
    if (tenants_change(req, "revokeApiKey", &SQL_SET_API_KEY, &p, reply))
        reply_ok(reply);
}
