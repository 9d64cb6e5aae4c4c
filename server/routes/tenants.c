/*
 * tenants.c - the stores that hand over mail, and their tokens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/json.h"
#include "common/token.h"
#include "server/http/fields.h"
#include "server/http/object.h"
#include "server/notifier.h"
#include "server/routes/client_auth.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

enum {
    TENANTS_NAME_OCTETS_MAX = 1024,
    TENANTS_CONTEXT_OCTETS = 320,
    TENANTS_DELAY_MAX_S = 31536000
};

/* What a request to create or replace a tenant says, and what storing it brought. */
struct tenants_form {
    const struct context *context;
    const char *tenant_id, *name, *client_base_url, *client_sync_path, *client_attachment_path,
        *report_secret;
    const char *report_format;
    const cJSON *client_auth, *rate_limits, *large_file_config;
    bool active;
    bool has_delays;
    struct db_array delays;
    char api_key[TOKEN_TEXT_OCTETS]; /* the new token; empty: the old one stays */
};

static const char *tenants_read_url(struct fields *f)
{
    const char *url = fields_url_part(f, "client_base_url");

    if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        fields_refuse(f, "client_base_url", "must begin with http:// or https://");
        return NULL;
    }
    return url;
}

static void tenants_read_form(struct fields *f, struct tenants_form *form)
{
    form->tenant_id = fields_text(f, "id", FIELD_REQUIRED | FIELD_NOT_EMPTY, REQUEST_ID_OCTETS_MAX);
    form->name = fields_text(f, "name", 0, TENANTS_NAME_OCTETS_MAX);
    form->client_auth = client_auth_read(f);
    form->client_base_url = tenants_read_url(f);
    form->client_sync_path = fields_url_part(f, "client_sync_path");
    form->client_attachment_path = fields_url_part(f, "client_attachment_path");
    form->rate_limits = fields_object(f, "rate_limits");
    form->large_file_config = fields_object(f, "large_file_config");
    form->active = true;
    fields_bool(f, "active", &form->active);
    form->report_format = fields_text(f, "report_format", 0, REQUEST_ID_OCTETS_MAX);
    if (!form->report_format)
        form->report_format = "event";
    else if (strcmp(form->report_format, "event") != 0 && strcmp(form->report_format, "seed") != 0)
        fields_fail(f, "report_format", "enum", "Input should be 'event' or 'seed'",
                    json_get(f->object, "report_format"));
    form->report_secret = fields_text(f, "report_secret", 0, SECRET_PLAIN_CAP_OCTETS);
    form->has_delays =
        fields_ints(f, "retry_delays", CONFIG_DELAYS_MAX, 0, TENANTS_DELAY_MAX_S, &form->delays);
}

/* The report secret to store: as given, or as it is stored already when it is given masked. */
static enum err tenants_seal_report_secret(const struct tenants_form *form, const PGresult *stored,
                                           struct sealed *ret, struct error *err)
{
    char context[TENANTS_CONTEXT_OCTETS];

    if (!form->report_secret || !*form->report_secret)
        return ERR_OK;
    if (!strcmp(form->report_secret, CLIENT_AUTH_MASK)) {
        if (!PQntuples(stored) || db_is_null(stored, 0, 2))
            return error_set(err, ERR_INPUT,
                             "report_secret is \"" CLIENT_AUTH_MASK "\", but none is stored");
        snprintf(ret->key_id, sizeof(ret->key_id), "%s", db_str(stored, 0, 3));
        return db_octets(stored, 0, 2, &ret->octets, &ret->len, err);
    }
    snprintf(context, sizeof(context), "tenant/%s/report_secret", form->tenant_id);
    return secret_seal(form->context->keys, context, form->report_secret, ret, err);
}

static enum err tenants_seal_auth(const struct tenants_form *form, const PGresult *stored,
                                  struct sealed *ret, struct error *err)
{
    cJSON *old = NULL;
    struct error unopened;
    enum err rc;

    if (!form->client_auth)
        return ERR_OK;
    /* One that cannot be opened any more is as good as none: what was masked is then said to be
     * missing. */
    if (PQntuples(stored) &&
        client_auth_open(form->context->keys, form->tenant_id, stored, 0, 0, &old, &unopened))
        old = NULL;
    rc = client_auth_seal(form->context->keys, form->tenant_id, form->client_auth, old, ret, err);
    cJSON_Delete(old);
    return rc;
}

static enum err tenants_run_upsert(struct db_conn *db, struct tenants_form *form,
                                   const struct sealed *auth, const struct sealed *secret,
                                   struct error *err)
{
    unsigned char hash[TOKEN_HASH_OCTETS];
    struct buf limits = BUF_INIT(REPLY_BODY_CAP_OCTETS), files = BUF_INIT(REPLY_BODY_CAP_OCTETS);
    struct db_params p = {0};
    PGresult *res = NULL;
    enum err rc = ERR_OK;

    if (form->rate_limits)
        json_append_value(&limits, form->rate_limits);
    if (form->large_file_config)
        json_append_value(&files, form->large_file_config);
    db_param_text(&p, form->tenant_id);
    db_param_text(&p, form->name);
    db_param_bool(&p, form->active);
    db_param_text(&p, form->client_base_url);
    db_param_bool(&p, form->client_base_url != NULL); /* only the admin token comes here */
    db_param_text(&p, form->client_sync_path);
    db_param_text(&p, form->client_attachment_path);
    db_param_octets(&p, auth->octets, auth->len);
    db_param_text(&p, auth->octets ? auth->key_id : NULL);
    db_param_text(&p, form->report_format);
    db_param_octets(&p, secret->octets, secret->len);
    db_param_text(&p, secret->octets ? secret->key_id : NULL);
    db_param_text(&p, limits.data);
    db_param_text(&p, files.data);
    if (form->has_delays)
        db_param_array(&p, &form->delays);
    else
        db_param_null(&p);
    if (*form->api_key)
        rc = token_hash(form->api_key, hash, err);
    db_param_octets(&p, *form->api_key ? hash : NULL, sizeof(hash));
    if (!rc)
        rc = db_run(db, &SQL_UPSERT_TENANT, &p, &res, err);
    PQclear(res);
    buf_clear(&limits);
    buf_clear(&files);
    return rc;
}

/* transaction_fn: lock what is stored, take over what is masked, store. */
static enum err tenants_write(struct db_conn *db, void *arg, struct error *err)
{
    struct tenants_form *form = arg;
    struct sealed auth = {0}, secret = {0};
    struct db_params p = {0};
    PGresult *stored = NULL;
    enum err rc;

    db_param_text(&p, form->tenant_id);
    rc = db_run(db, &SQL_LOCK_TENANT, &p, &stored, err);
    if (!rc)
        rc = tenants_seal_auth(form, stored, &auth, err);
    if (!rc)
        rc = tenants_seal_report_secret(form, stored, &secret, err);
    /* Clients that register again read a token from the answer; they bring their client_auth. */
    if (!rc && !*form->api_key && (form->client_auth || !PQntuples(stored)))
        rc = token_make(form->api_key, err);
    if (!rc)
        rc = tenants_run_upsert(db, form, &auth, &secret, err);
    sealed_clear(&auth);
    sealed_clear(&secret);
    PQclear(stored);
    return rc;
}

static void tenants_reply_key(struct reply *reply, const char *api_key)
{
    struct object o = object_open(reply_json(reply, 200));

    object_bool(&o, "ok", true);
    object_text(&o, "api_key", *api_key ? api_key : NULL);
    object_close(&o);
}

void tenants_post(struct request *req, struct reply *reply)
{
    struct fields f = fields_of("body", req->body);
    struct tenants_form form = {.context = req->context, .delays = db_array_of(DB_INT4)};
    struct db_conn *db;
    struct error err;
    enum err rc;

    tenants_read_form(&f, &form);
    if (fields_failed(&f)) {
        reply_fields(reply, &f);
        goto out;
    }
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run(db, tenants_write, &form, &err);
    if (rc) {
        reply_error(reply, &err);
        goto out;
    }
    notifier_poke(req->context->notifier); /* a new tenant is polled at once */
    tenants_reply_key(reply, form.api_key);
out:
    explicit_bzero(form.api_key, sizeof(form.api_key));
    db_array_clear(&form.delays);
    fields_clear(&f);
}

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
    const char *tenant_id = request_param(req, "tenant_id", reply);
    const char *allowed;
    PGresult *res = NULL;
    struct error err;

    if (!tenant_id || !request_tenant(req, tenant_id, &allowed, reply))
        return;
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
    struct fields query = fields_of("query", req->query);
    PGresult *res = NULL;
    bool active_only = false;
    struct error err;

    fields_bool(&query, "active_only", &active_only);
    if (fields_failed(&query)) {
        reply_fields(reply, &query);
    } else if (tenants_find(req, NULL, active_only, &res, &err)) {
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
    fields_clear(&query);
}

/* Run a statement whose rows tell whether the tenant exists. false: answered already. */
static bool tenants_change(struct request *req, const struct db_stmt *stmt,
                           const struct db_params *params, const char *tenant_id,
                           struct reply *reply)
{
    struct db_conn *db;
    PGresult *res = NULL;
    struct error err;
    enum err rc = request_db(req, &db, &err);
    bool found = false;

    if (!rc)
        rc = transaction_run_one(db, stmt, params, &res, &err);
    if (rc)
        reply_error(reply, &err);
    else if (!PQntuples(res))
        reply_detail(reply, 404, "Tenant '%s' not found", tenant_id);
    else
        found = true;
    PQclear(res);
    return found;
}

void tenants_delete(struct request *req, struct reply *reply)
{
    const char *tenant_id = request_param(req, "tenant_id", reply);
    struct db_params p = {0};

    if (!tenant_id)
        return;
    if (!strcmp(tenant_id, "default")) {
        reply_detail(reply, 400, "Tenant 'default' cannot be deleted");
        return;
    }
    db_param_text(&p, tenant_id);
    if (tenants_change(req, &SQL_DELETE_TENANT, &p, tenant_id, reply))
        reply_ok(reply);
}

void tenants_make_key(struct request *req, struct reply *reply)
{
    const char *tenant_id = request_param(req, "tenant_id", reply);
    struct fields f = {
        .where = "body", .object = req->body, .errors = BUF_INIT(REPLY_HEADERS_OCTETS)};
    unsigned char hash[TOKEN_HASH_OCTETS];
    char api_key[TOKEN_TEXT_OCTETS] = "";
    struct db_params p = {0};
    struct error err;
    int64_t expires_s;
    bool expires;

    if (!tenant_id)
        return;
    expires =
        fields_int(&f, "expires_at", 0, 0, INT64_C(253402300799), &expires_s); /* the year 9999 */
    if (fields_failed(&f)) {
        reply_fields(reply, &f);
    } else if (token_make(api_key, &err) || token_hash(api_key, hash, &err)) {
        reply_error(reply, &err);
    } else {
        db_param_text(&p, tenant_id);
        db_param_octets(&p, hash, sizeof(hash));
        if (expires)
            db_param_int(&p, expires_s);
        else
            db_param_null(&p);
        if (tenants_change(req, &SQL_SET_API_KEY, &p, tenant_id, reply))
            tenants_reply_key(reply, api_key);
    }
    explicit_bzero(api_key, sizeof(api_key));
    fields_clear(&f);
}

void tenants_drop_key(struct request *req, struct reply *reply)
{
    const char *tenant_id = request_param(req, "tenant_id", reply);
    struct db_params p = {0};

    if (!tenant_id)
        return;
    db_param_text(&p, tenant_id);
    db_param_null(&p);
    db_param_null(&p);
    if (tenants_change(req, &SQL_SET_API_KEY, &p, tenant_id, reply))
        reply_ok(reply);
}
