/*
 * instance.c - the deployment's own settings: shown, changed.
 *
 * Its secrets are sealed, shown as "***", and may come back that way: the stored ones are then
 * kept.
 */
#include <string.h>

#include "common/json.h"
#include "common/secret.h"
#include "server/command_log.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/client_auth.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

/* What load_instance gives. */
enum instance_column {
    INSTANCE_ID,
    INSTANCE_NAME,
    INSTANCE_HAS_API_TOKEN,
    INSTANCE_BOUNCE_ENABLED,
    INSTANCE_IMAP_HOST,
    INSTANCE_IMAP_PORT,
    INSTANCE_IMAP_USER,
    INSTANCE_HAS_IMAP_PASSWORD,
    INSTANCE_IMAP_FOLDER,
    INSTANCE_IMAP_SSL,
    INSTANCE_POLL_INTERVAL,
    INSTANCE_RETURN_PATH,
    INSTANCE_LAST_UID,
    INSTANCE_LAST_SYNC_TS,
    INSTANCE_UIDVALIDITY,
    INSTANCE_CREATED_US,
    INSTANCE_UPDATED_US,
};

/* A secret that a request may bring. */
struct instance_secret {
    const char *name;
    const char *given; /* borrowed; NULL: stays as it is */
    bool masked;       /* "***": must be there, and stays */
    struct sealed sealed;
};

struct instance_change {
    struct request *req;
    struct instance_secret api_token, imap_password;
};

static enum err instance_load(struct request *req, PGresult **ret, struct error *err)
{
    struct db_params none = {0};
    struct db_conn *db;
    enum err rc = request_db(req, &db, err);

    return rc ? rc : db_run(db, &SQL_LOAD_INSTANCE, &none, ret, err);
}

static void instance_append_int(struct object *o, const char *key, const PGresult *res, int column)
{
    if (!db_is_null(res, 0, column))
        object_int(o, key, db_int(res, 0, column));
}

static void instance_append_mask(struct object *o, const char *key, const PGresult *res, int column)
{
    object_text(o, key, db_bool(res, 0, column) ? CLIENT_AUTH_MASK : NULL);
}

static void instance_append(const PGresult *res, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "id", db_int(res, 0, INSTANCE_ID));
    object_text(&o, "name", db_str(res, 0, INSTANCE_NAME));
    instance_append_mask(&o, "api_token", res, INSTANCE_HAS_API_TOKEN);
    object_bool(&o, "bounce_enabled", db_bool(res, 0, INSTANCE_BOUNCE_ENABLED));
    object_text(&o, "bounce_imap_host", db_str(res, 0, INSTANCE_IMAP_HOST));
    object_int(&o, "bounce_imap_port", db_int(res, 0, INSTANCE_IMAP_PORT));
    object_text(&o, "bounce_imap_user", db_str(res, 0, INSTANCE_IMAP_USER));
    instance_append_mask(&o, "bounce_imap_password", res, INSTANCE_HAS_IMAP_PASSWORD);
    object_text(&o, "bounce_imap_folder", db_str(res, 0, INSTANCE_IMAP_FOLDER));
    object_bool(&o, "bounce_imap_ssl", db_bool(res, 0, INSTANCE_IMAP_SSL));
    object_int(&o, "bounce_poll_interval", db_int(res, 0, INSTANCE_POLL_INTERVAL));
    object_text(&o, "bounce_return_path", db_str(res, 0, INSTANCE_RETURN_PATH));
    instance_append_int(&o, "bounce_last_uid", res, INSTANCE_LAST_UID);
    instance_append_int(&o, "bounce_last_sync", res, INSTANCE_LAST_SYNC_TS);
    instance_append_int(&o, "bounce_uidvalidity", res, INSTANCE_UIDVALIDITY);
    object_time(&o, "created_at", db_int(res, 0, INSTANCE_CREATED_US));
    object_time(&o, "updated_at", db_int(res, 0, INSTANCE_UPDATED_US));
    object_close(&o);
}

void instance_get(struct request *req, struct reply *reply)
{
    PGresult *res = NULL;
    struct error err;

    if (instance_load(req, &res, &err))
        reply_error(reply, &err);
    else
        instance_append(res, reply_json(reply, 200));
    PQclear(res);
}

static enum err instance_seal(const struct secret_ring *keys, const cJSON *body, const char *name,
                              struct instance_secret *ret, struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];

    ret->name = name;
    ret->given = value_text(body, name);
    ret->masked = ret->given && !strcmp(ret->given, CLIENT_AUTH_MASK);
    if (!ret->given || !*ret->given || ret->masked)
        return ERR_OK;
    secret_context(context, (const char *const[]){"instance", "1", name, NULL});
    return secret_seal(keys, context, ret->given, &ret->sealed, err);
}

static void instance_param_secret(struct db_params *p, const struct instance_secret *s)
{
    db_param_octets(p, s->sealed.octets, s->sealed.len);
    db_param_text(p, s->sealed.octets ? s->sealed.key_id : NULL);
    db_param_bool(p, s->given && !*s->given); /* it ends */
}

static void instance_param_int(struct db_params *p, const cJSON *body, const char *name)
{
    if (value_has(body, name))
        db_param_int(p, value_int(body, name, 0));
    else
        db_param_null(p);
}

static void instance_param_bool(struct db_params *p, const cJSON *body, const char *name)
{
    if (value_has(body, name))
        db_param_bool(p, value_bool(body, name, false));
    else
        db_param_null(p);
}

static enum err instance_check_masked(const struct instance_secret *s, bool stored,
                                      struct error *err)
{
    if (!s->masked || stored)
        return ERR_OK;
    return error_set(err, ERR_INPUT, "%s is \"" CLIENT_AUTH_MASK "\", but none is stored", s->name);
}

/* transaction_fn */
static enum err instance_store(struct db_conn *db, void *arg, struct error *err)
{
    const struct instance_change *change = arg;
    const cJSON *body = change->req->body;
    struct db_params p = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_text(&p, value_text(body, "name"));
    instance_param_secret(&p, &change->api_token);
    instance_param_bool(&p, body, "bounce_enabled");
    db_param_text(&p, value_text(body, "bounce_imap_host"));
    instance_param_int(&p, body, "bounce_imap_port");
    db_param_text(&p, value_text(body, "bounce_imap_user"));
    instance_param_secret(&p, &change->imap_password);
    db_param_text(&p, value_text(body, "bounce_imap_folder"));
    instance_param_bool(&p, body, "bounce_imap_ssl");
    instance_param_int(&p, body, "bounce_poll_interval");
    db_param_text(&p, value_text(body, "bounce_return_path"));
    rc = db_run(db, &SQL_UPDATE_INSTANCE, &p, &res, err);
    if (!rc)
        rc = instance_check_masked(&change->api_token, db_bool(res, 0, 0), err);
    if (!rc)
        rc = instance_check_masked(&change->imap_password, db_bool(res, 0, 1), err);
    if (!rc)
        rc = command_log_append(db, change->req, "updateInstance", NULL, err);
    PQclear(res);
    return rc;
}

void instance_put(struct request *req, struct reply *reply)
{
    const struct secret_ring *keys = req->context->keys;
    struct instance_change change = {.req = req};
    struct db_conn *db;
    struct error err;
    enum err rc = instance_seal(keys, req->body, "api_token", &change.api_token, &err);

    if (!rc)
        rc = instance_seal(keys, req->body, "bounce_imap_password", &change.imap_password, &err);
    if (!rc)
        rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run(db, instance_store, &change, &err);
    if (rc)
        reply_error(reply, &err);
    else
        reply_ok(reply);
    command_log_refusal(req, reply, "updateInstance", NULL);
    sealed_clear(&change.api_token.sealed);
    sealed_clear(&change.imap_password.sealed);
}

/* The settings are in the database for whoever reads the mailbox: there is nothing to load, but
 * something to check. */
void instance_reload_bounce(struct request *req, struct reply *reply)
{
    PGresult *res = NULL;
    struct error err;

    if (instance_load(req, &res, &err))
        reply_error(reply, &err);
    else if (db_bool(res, 0, INSTANCE_BOUNCE_ENABLED) && db_is_null(res, 0, INSTANCE_IMAP_HOST))
        reply_detail(reply, 400, "Bounce enabled but imap_host not configured");
    else
        buf_append_str(reply_json(reply, 200), "{\"ok\":true,\"error\":null}");
    PQclear(res);
}
