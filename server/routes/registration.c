/*
 * registration.c - POST /tenant, which replaces every field, and PUT /tenant/{tenant_id}, which
 * changes the ones that are given. See registration.h.
 *
 * Secrets may come back the way they are shown, masked: the stored ones are then kept.
 */
#include "server/routes/registration.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/token.h"
#include "server/command_log.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/notifier.h"
#include "server/routes/client_auth.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

/* What a request says, and what storing it brought. NULL: not given. */
struct registration {
    const struct request *req;
    const char *tenant_id, *name, *client_base_url, *client_sync_path, *client_attachment_path,
        *report_format, *report_secret;
    const cJSON *client_auth, *rate_limits, *large_file_config;
    bool has_active, active;
    bool has_delays;
    int64_t max_age_s; /* -1: not given */
    bool trusted;      /* by whom it is asked: the base URL may lead to private addresses */
    struct db_array delays;
    char api_key[TOKEN_TEXT_OCTETS]; /* the new token; empty: the old one stays */
};

static void registration_read(const cJSON *body, struct registration *r)
{
    r->name = value_text(body, "name");
    r->client_auth = json_get_value(body, "client_auth");
    r->client_base_url = value_text(body, "client_base_url");
    r->client_sync_path = value_text(body, "client_sync_path");
    r->client_attachment_path = value_text(body, "client_attachment_path");
    r->rate_limits = json_get_value(body, "rate_limits");
    r->large_file_config = json_get_value(body, "large_file_config");
    r->has_active = value_has(body, "active");
    r->active = value_bool(body, "active", true);
    r->report_format = value_text(body, "report_format");
    r->report_secret = value_text(body, "report_secret");
    r->has_delays = value_ints(body, "retry_delays", &r->delays);
    r->max_age_s = value_int(body, "retry_max_age", -1);
}

static bool registration_is_empty(const struct registration *r)
{
    return !r->name && !r->client_auth && !r->client_base_url && !r->client_sync_path &&
           !r->client_attachment_path && !r->rate_limits && !r->large_file_config &&
           !r->has_active && !r->report_format && !r->report_secret && !r->has_delays &&
           r->max_age_s < 0;
}

/* The report secret to store: as given, or as it is stored already when it is given masked. */
static enum err registration_seal_report_secret(const struct registration *r,
                                                const PGresult *stored, struct sealed *ret,
                                                struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];

    if (!r->report_secret || !*r->report_secret)
        return ERR_OK;
    if (!strcmp(r->report_secret, CLIENT_AUTH_MASK)) {
        if (!PQntuples(stored) || db_is_null(stored, 0, 2))
            return error_set(err, ERR_INPUT,
                             "report_secret is \"" CLIENT_AUTH_MASK "\", but none is stored");
        snprintf(ret->key_id, sizeof(ret->key_id), "%s", db_str(stored, 0, 3));
        return db_octets(stored, 0, 2, &ret->octets, &ret->len, err);
    }
    secret_context(context, (const char *const[]){"tenant", r->tenant_id, "report_secret", NULL});
    return secret_seal(r->req->context->keys, context, r->report_secret, ret, err);
}

static enum err registration_seal_auth(const struct registration *r, const PGresult *stored,
                                       struct sealed *ret, struct error *err)
{
    cJSON *old = NULL;
    struct error unopened;
    enum err rc;

    if (!r->client_auth)
        return ERR_OK;
    /* One that cannot be opened any more is as good as none: what was masked is then said to be
     * missing. */
    if (PQntuples(stored) &&
        client_auth_open(r->req->context->keys, r->tenant_id, stored, 0, 0, &old, &unopened))
        old = NULL;
    rc = client_auth_seal(r->req->context->keys, r->tenant_id, r->client_auth, old, ret, err);
    cJSON_Delete(old);
    return rc;
}

static void registration_param_sealed(struct db_params *p, const struct sealed *sealed)
{
    db_param_octets(p, sealed->octets, sealed->len);
    db_param_text(p, sealed->octets ? sealed->key_id : NULL);
}

/* The parameters both statements begin with, in their order; `limits` and `files` outlive them. */
static void registration_set_params(struct db_params *p, const struct registration *r,
                                    const struct sealed *auth, const struct sealed *secret,
                                    struct buf *limits, struct buf *files)
{
    if (r->rate_limits)
        json_append_value(limits, r->rate_limits);
    if (r->large_file_config)
        json_append_value(files, r->large_file_config);
    db_param_text(p, r->tenant_id);
    db_param_text(p, r->name);
    if (r->has_active)
        db_param_bool(p, r->active);
    else
        db_param_null(p);
    db_param_text(p, r->client_base_url);
    db_param_bool(p, r->trusted);
    db_param_text(p, r->client_sync_path);
    db_param_text(p, r->client_attachment_path);
    registration_param_sealed(p, auth);
    db_param_text(p, r->report_format);
    registration_param_sealed(p, secret);
    db_param_text(p, limits->data);
    db_param_text(p, files->data);
    if (r->has_delays)
        db_param_array(p, &r->delays);
    else
        db_param_null(p);
    if (r->max_age_s >= 0)
        db_param_int(p, r->max_age_s);
    else
        db_param_null(p);
}

static enum err registration_store(struct db_conn *db, const struct registration *r,
                                   const struct db_stmt *stmt, const struct sealed *auth,
                                   const struct sealed *secret, struct error *err)
{
    unsigned char hash[TOKEN_HASH_OCTETS];
    struct buf limits = BUF_INIT(REPLY_BODY_CAP_OCTETS), files = BUF_INIT(REPLY_BODY_CAP_OCTETS);
    struct db_params p = {0};
    PGresult *res = NULL;
    enum err rc = ERR_OK;

    registration_set_params(&p, r, auth, secret, &limits, &files);
    if (stmt == &SQL_UPSERT_TENANT) {
        if (*r->api_key)
            rc = token_hash(r->api_key, hash, err);
        db_param_octets(&p, *r->api_key ? hash : NULL, sizeof(hash));
    } else {
        db_param_bool(&p, r->report_secret && !*r->report_secret); /* an empty one ends it */
    }
    if (!rc)
        rc = db_run(db, stmt, &p, &res, err);
    PQclear(res);
    buf_clear(&limits);
    buf_clear(&files);
    return rc;
}

static const char *registration_endpoint(const struct db_stmt *stmt)
{
    return stmt == &SQL_UPSERT_TENANT ? "addTenant" : "updateTenant";
}

/* Lock what is stored, take over what is masked, store. */
static enum err registration_write(struct db_conn *db, struct registration *r,
                                   const struct db_stmt *stmt, struct error *err)
{
    struct sealed auth = {0}, secret = {0};
    struct db_params p = {0};
    PGresult *stored = NULL;
    enum err rc;

    db_param_text(&p, r->tenant_id);
    rc = db_run(db, &SQL_LOCK_TENANT, &p, &stored, err);
    if (!rc && stmt == &SQL_UPDATE_TENANT && !PQntuples(stored))
        rc = error_set(err, ERR_NOT_FOUND, "Tenant '%s' not found", r->tenant_id);
    if (!rc)
        rc = registration_seal_auth(r, stored, &auth, err);
    if (!rc)
        rc = registration_seal_report_secret(r, stored, &secret, err);
    /* Clients that register again read a token from the answer; they bring their client_auth. */
    if (!rc && stmt == &SQL_UPSERT_TENANT && !*r->api_key && (r->client_auth || !PQntuples(stored)))
        rc = token_make(r->api_key, err);
    if (!rc)
        rc = registration_store(db, r, stmt, &auth, &secret, err);
    if (!rc)
        rc = command_log_append(db, r->req, registration_endpoint(stmt), r->tenant_id, err);
    sealed_clear(&auth);
    sealed_clear(&secret);
    PQclear(stored);
    return rc;
}

/* transaction_fn */
static enum err registration_replace(struct db_conn *db, void *arg, struct error *err)
{
    return registration_write(db, arg, &SQL_UPSERT_TENANT, err);
}

/* transaction_fn. ERR_NOT_FOUND: no such tenant. */
static enum err registration_change(struct db_conn *db, void *arg, struct error *err)
{
    return registration_write(db, arg, &SQL_UPDATE_TENANT, err);
}

void registration_reply_key(struct reply *reply, const char *api_key)
{
    struct object o = object_open(reply_json(reply, 200));

    object_bool(&o, "ok", true);
    object_text(&o, "api_key", *api_key ? api_key : NULL);
    object_close(&o);
}

static void registration_run(struct request *req, struct registration *r, transaction_fn *fn,
                             struct reply *reply)
{
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = transaction_run(db, fn, r, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        notifier_poke(req->context->notifier); /* a new tenant is polled at once */
        registration_reply_key(reply, r->api_key);
    }
    explicit_bzero(r->api_key, sizeof(r->api_key));
}

void registration_post(struct request *req, struct reply *reply)
{
    struct registration r = {.req = req,
                             .tenant_id = value_text(req->body, "id"),
                             .trusted = true,
                             .delays = db_array_of(DB_INT4)};

    registration_read(req->body, &r);
    registration_run(req, &r, registration_replace, reply);
    command_log_refusal(req, reply, "addTenant", r.tenant_id);
    db_array_clear(&r.delays);
}

void registration_put(struct request *req, struct reply *reply)
{
    struct registration r = {.req = req,
                             .tenant_id = value_text(req->params, "tenant_id"),
                             .trusted = req->caller.kind != CALLER_TENANT,
                             .delays = db_array_of(DB_INT4)};

    registration_read(req->body, &r);
    if (registration_is_empty(&r))
        reply_detail(reply, 404, "Tenant '%s' not found", r.tenant_id);
    else
        registration_run(req, &r, registration_change, reply);
    command_log_refusal(req, reply, "updateTenant", r.tenant_id);
    db_array_clear(&r.delays);
}
