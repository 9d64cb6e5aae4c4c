/*
 * accounts.c - a tenant's ways out. What the API calls user, ttl and timeout are username, ttl_s
 * and timeout_s below.
 */
#include "common/certificate.h"
#include "common/secret.h"
#include "server/command_log.h"
#include "server/http/rows.h"
#include "server/http/shape.h"
#include "server/notifier.h"
#include "server/routes/account_certificate.h"
#include "server/routes/account_oauth.h"
#include "server/routes/account_secret.h"
#include "server/routes/account_warnings.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

struct accounts_form {
    const struct request *req;
    const char *tenant_id, *account_id, *name, *host, *user, *password, *tls_ca, *limit_behavior;
    const char *imap_host, *imap_user, *imap_password, *dsn_notify, *dsn_ret;
    char tls_pin[CERTIFICATE_PIN_OCTETS]; /* empty: none */
    int64_t port, ttl_s, imap_port;
    int64_t timeout_s, max_connections, batch_size, per_minute, per_hour, per_day; /* 0: none */
    bool has_use_tls, use_tls, tls_verify, is_pec_account, imap_ssl, has_delays;
    int64_t max_age_s; /* -1: not given */
    struct db_array delays;
    struct sealed password_sealed, imap_password_sealed;
    struct account_oauth oauth;
    struct account_certificate certificate;
};

/* A count where null, 0 and less mean none. */
static int64_t accounts_read_count(const cJSON *body, const char *name)
{
    int64_t n = value_int(body, name, 0);

    return n > 0 ? n : 0;
}

static void accounts_read_form(const cJSON *body, struct accounts_form *form)
{
    const char *pin = value_given(body, "tls_pin");

    form->account_id = value_text(body, "id");
    form->name = value_given(body, "name");
    form->host = value_text(body, "host");
    form->port = value_int(body, "port", 0);
    form->user = value_given(body, "user");
    form->password = value_given(body, "password");
    form->has_use_tls = value_has(body, "use_tls");
    form->use_tls = value_bool(body, "use_tls", false);
    form->tls_verify = value_bool(body, "tls_verify", true);
    form->tls_ca = value_given(body, "tls_ca");
    if (pin)
        (void)!certificate_read_pin(pin, form->tls_pin);
    form->timeout_s = accounts_read_count(body, "timeout");
    form->ttl_s = value_int(body, "ttl", 300);
    form->max_connections = accounts_read_count(body, "max_connections");
    form->batch_size = accounts_read_count(body, "batch_size");
    form->per_minute = accounts_read_count(body, "limit_per_minute");
    form->per_hour = accounts_read_count(body, "limit_per_hour");
    form->per_day = accounts_read_count(body, "limit_per_day");
    form->limit_behavior = value_text(body, "limit_behavior");
    form->has_delays = value_ints(body, "retry_delays", &form->delays);
    form->max_age_s = value_int(body, "retry_max_age", -1);
    form->dsn_notify = value_given(body, "dsn_notify");
    form->dsn_ret = value_given(body, "dsn_ret");
    form->is_pec_account = value_bool(body, "is_pec_account", false);
    form->imap_host = value_given(body, "imap_host");
    form->imap_port = value_int(body, "imap_port", 993);
    form->imap_user = value_given(body, "imap_user");
    form->imap_password = value_given(body, "imap_password");
    form->imap_ssl = value_bool(body, "imap_ssl", true);
    account_oauth_read(body, &form->oauth);
    account_certificate_read(body, &form->certificate);
}

static void accounts_param_count(struct db_params *p, int64_t count)
{
    if (count)
        db_param_int(p, count);
    else
        db_param_null(p);
}

static void accounts_set_params(struct db_params *p, const struct accounts_form *form)
{
    db_param_text(p, form->tenant_id);
    db_param_text(p, form->account_id);
    db_param_text(p, form->name);
    db_param_text(p, form->host);
    db_param_int(p, form->port);
    db_param_text(p, form->user);
    account_secret_param(p, &form->password_sealed);
    if (form->has_use_tls)
        db_param_bool(p, form->use_tls);
    else
        db_param_null(p);
    db_param_bool(p, form->tls_verify);
    db_param_text(p, form->tls_ca);
    db_param_text(p, *form->tls_pin ? form->tls_pin : NULL);
    accounts_param_count(p, form->timeout_s);
    db_param_int(p, form->ttl_s);
    accounts_param_count(p, form->max_connections);
    accounts_param_count(p, form->batch_size);
    accounts_param_count(p, form->per_minute);
    accounts_param_count(p, form->per_hour);
    accounts_param_count(p, form->per_day);
    db_param_text(p, form->limit_behavior ? form->limit_behavior : "defer");
    if (form->has_delays)
        db_param_array(p, &form->delays);
    else
        db_param_null(p);
    db_param_bool(p, form->is_pec_account);
    db_param_text(p, form->imap_host);
    db_param_int(p, form->imap_port);
    db_param_text(p, form->imap_user);
    account_secret_param(p, &form->imap_password_sealed);
    db_param_bool(p, form->imap_ssl);
    db_param_text(p, form->dsn_notify);
    db_param_text(p, form->dsn_ret);
    account_oauth_set_params(p, &form->oauth);
    account_certificate_set_params(p, &form->certificate);
    if (form->max_age_s >= 0)
        db_param_int(p, form->max_age_s);
    else
        db_param_null(p);
}

/* transaction_fn. ERR_NOT_FOUND: no such tenant. */
static enum err accounts_write(struct db_conn *db, void *arg, struct error *err)
{
    const struct accounts_form *form = arg;
    struct db_params p = {0};
    PGresult *res = NULL;
    enum err rc;

    accounts_set_params(&p, form);
    rc = db_run(db, &SQL_UPSERT_ACCOUNT, &p, &res, err);
    if (!rc && !PQntuples(res))
        rc = error_set(err, ERR_NOT_FOUND, "Tenant '%s' not found", form->tenant_id);
    if (!rc)
        rc = command_log_append(db, form->req, "addAccount", form->tenant_id, err);
    PQclear(res);
    return rc;
}

static void accounts_store(struct request *req, struct accounts_form *form, struct reply *reply)
{
    const struct secret_ring *keys = req->context->keys;
    struct db_conn *db;
    struct error err;
    enum err rc = account_secret_seal(keys, form->tenant_id, form->account_id, "password",
                                      form->password, &form->password_sealed, &err);

    if (!rc)
        rc = account_secret_seal(keys, form->tenant_id, form->account_id, "imap_password",
                                 form->imap_password, &form->imap_password_sealed, &err);
    if (!rc)
        rc = account_oauth_seal(keys, form->tenant_id, form->account_id, &form->oauth, &err);
    if (!rc)
        rc = account_certificate_seal(keys, form->tenant_id, form->account_id, &form->certificate,
                                      &err);
    if (!rc)
        rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run(db, accounts_write, form, &err);
    if (rc) {
        reply_error(reply, &err);
        return;
    }
    notifier_poke(req->context->notifier); /* what waited for the account may go on */
    reply_ok(reply);
}

void accounts_post(struct request *req, struct reply *reply)
{
    struct accounts_form form = {.req = req, .delays = db_array_of(DB_INT4)};
    struct fields f = fields_of("body", req->body);

    accounts_read_form(req->body, &form);
    account_oauth_check(&f, req->body, req->context->config);
    account_certificate_check(&f, req->body);
    if (fields_failed(&f)) {
        reply_fields(reply, &f);
    } else if (request_tenant(req, value_text(req->body, "tenant_id"), &form.tenant_id, reply)) {
        if (!form.tenant_id)
            form.tenant_id = "default";
        accounts_store(req, &form, reply);
        command_log_refusal(req, reply, "addAccount", form.tenant_id);
    }
    sealed_clear(&form.password_sealed);
    sealed_clear(&form.imap_password_sealed);
    account_oauth_clear(&form.oauth);
    account_certificate_clear(&form.certificate);
    fields_clear(&f);
    db_array_clear(&form.delays);
}

static void accounts_append_int(struct object *o, const char *key, const PGresult *res, int row,
                                int column)
{
    if (!db_is_null(res, row, column))
        object_int(o, key, db_int(res, row, column));
}

/* The worst of what an operator should know about this account; NULL: nothing. */
static const char *accounts_warning(const PGresult *res, int row)
{
    const struct account_setup setup = {
        .port = db_int(res, row, 3),
        .has_user = !db_is_null(res, row, 4),
        .has_use_tls = !db_is_null(res, row, 10),
        .use_tls = db_bool(res, row, 10),
        .tls_verify = db_bool(res, row, 22),
        .certificate_expired = db_bool(res, row, 35),
    };
    const char *warnings[ACCOUNT_WARNINGS_MAX];

    return account_warnings(&setup, warnings) ? warnings[0] : NULL;
}

static void accounts_append_row(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "id", db_str(res, row, 0));
    object_text(&o, "tenant_id", db_str(res, row, 1));
    object_text(&o, "host", db_str(res, row, 2));
    object_int(&o, "port", db_int(res, row, 3));
    object_text(&o, "user", db_str(res, row, 4));
    object_int(&o, "ttl", db_int(res, row, 5));
    accounts_append_int(&o, "limit_per_minute", res, row, 6);
    accounts_append_int(&o, "limit_per_hour", res, row, 7);
    accounts_append_int(&o, "limit_per_day", res, row, 8);
    object_text(&o, "limit_behavior", db_str(res, row, 9));
    if (!db_is_null(res, row, 10))
        object_bool(&o, "use_tls", db_bool(res, row, 10));
    accounts_append_int(&o, "batch_size", res, row, 11);
    object_time(&o, "created_at", db_int(res, row, 12));
    object_time(&o, "updated_at", db_int(res, row, 13));
    object_bool(&o, "is_pec_account", db_bool(res, row, 14));
    object_text(&o, "imap_host", db_str(res, row, 15));
    object_int(&o, "imap_port", db_int(res, row, 16));
    object_text(&o, "imap_user", db_str(res, row, 17));
    object_bool(&o, "imap_ssl", db_bool(res, row, 18));
    object_text(&o, "name", db_str(res, row, 19));
    accounts_append_int(&o, "timeout", res, row, 20);
    accounts_append_int(&o, "max_connections", res, row, 21);
    object_bool(&o, "tls_verify", db_bool(res, row, 22));
    object_text(&o, "tls_ca", db_str(res, row, 23));
    object_text(&o, "tls_pin", db_str(res, row, 24));
    object_raw(&o, "retry_delays", db_str(res, row, 25));
    object_text(&o, "dsn_notify", db_str(res, row, 26));
    object_text(&o, "dsn_ret", db_str(res, row, 27));
    account_oauth_append(&o, res, row, 28);
    account_certificate_append(&o, res, row, 33);
    accounts_append_int(&o, "retry_max_age", res, row, 36);
    object_text(&o, "warning", accounts_warning(res, row));
    object_close(&o);
}

void accounts_list(struct request *req, struct reply *reply)
{
    struct db_conn *db;
    struct db_params p = {0};
    PGresult *res = NULL;
    const char *tenant_id;
    struct error err;
    enum err rc;

    if (!request_tenant(req, NULL, &tenant_id, reply))
        return;
    db_param_text(&p, tenant_id);
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_ACCOUNTS, &p, &res, &err);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        rows_append(&o, "accounts", res, ROWS_ALL, accounts_append_row);
        object_close(&o);
    }
    PQclear(res);
}

struct accounts_deletion {
    const struct request *req;
    const char *tenant_id; /* NULL: the one that has the account */
    bool found;
};

/* transaction_fn */
static enum err accounts_remove(struct db_conn *db, void *arg, struct error *err)
{
    struct accounts_deletion *d = arg;
    struct db_params p = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_text(&p, d->tenant_id);
    db_param_text(&p, value_text(d->req->params, "account_id"));
    rc = db_run(db, &SQL_DELETE_ACCOUNT, &p, &res, err);
    if (!rc)
        d->found = db_bool(res, 0, 1);
    /* Asked for without naming a tenant, one that is not there is as good as deleted. */
    if (!rc && (d->found || !value_given(d->req->query, "tenant_id")))
        rc = command_log_append(db, d->req, "deleteAccount", db_str(res, 0, 0), err);
    PQclear(res);
    return rc;
}

void accounts_delete(struct request *req, struct reply *reply)
{
    struct accounts_deletion deletion = {.req = req};
    struct db_conn *db;
    struct error err;
    enum err rc;

    if (!request_tenant(req, NULL, &deletion.tenant_id, reply))
        return;
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run(db, accounts_remove, &deletion, &err);
    if (rc)
        reply_error(reply, &err);
    else if (!deletion.found && value_given(req->query, "tenant_id"))
        reply_detail(reply, 400, "account not found or not owned by tenant");
    else
        reply_ok(reply);
    command_log_refusal(req, reply, "deleteAccount", deletion.tenant_id);
}
