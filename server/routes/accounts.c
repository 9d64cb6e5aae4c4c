/*
 * accounts.c - a tenant's ways out. What the API calls user, ttl and timeout are username, ttl_s
 * and timeout_s below.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/certificate.h"
#include "common/config.h"
#include "common/json.h"
#include "common/secret.h"
#include "server/http/fields.h"
#include "server/http/object.h"
#include "server/notifier.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

enum {
    ACCOUNTS_TEXT_OCTETS_MAX = 1024,
    ACCOUNTS_PEM_OCTETS_MAX = 256 * 1024,
    ACCOUNTS_SECONDS_MAX = 2147483, /* as milliseconds they fit 31 bits */
    ACCOUNTS_DELAY_MAX_S = 31536000,
};

struct accounts_form {
    const char *tenant_id, *account_id, *name, *host, *user, *password, *tls_ca, *limit_behavior;
    const char *imap_host, *imap_user, *imap_password;
    char tls_pin[CERTIFICATE_PIN_OCTETS]; /* empty: none */
    int64_t port, ttl_s, imap_port;
    int64_t timeout_s, max_connections, batch_size, per_minute, per_hour, per_day; /* 0: none */
    bool has_use_tls, use_tls, tls_verify, is_pec_account, imap_ssl, has_delays;
    struct db_array delays;
    struct sealed password_sealed, imap_password_sealed;
};

/* An IPv6 address, in brackets or not. */
static bool accounts_is_ipv6(const char *host)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    size_t n = strlen(host);
    bool bracketed = n > 2 && host[0] == '[' && host[n - 1] == ']';
    int written = snprintf(address, sizeof(address), "%.*s", (int)(bracketed ? n - 2 : n),
                           bracketed ? host + 1 : host);

    return written > 0 && (size_t)written < sizeof(address) &&
           inet_pton(AF_INET6, address, &ignored) == 1;
}

/*
 * A host name, internationalised ones too, or an address; anything else would become part of the
 * URL it is put into. Underscores are no part of a host name (RFC 952), but of the ones that
 * containers have.
 */
static const char *accounts_read_host(struct fields *f, const char *name, unsigned flags)
{
    const char *host = fields_line(f, name, flags, REQUEST_ID_OCTETS_MAX);
    bool fine = true;

    if (!host || !*host || accounts_is_ipv6(host))
        return host;
    for (const unsigned char *p = (const unsigned char *)host; *p && fine; p++)
        fine = *p >= 0x80 || isalnum(*p) || strchr("-._", *p);
    if (!fine || strstr(host, "..") || strchr("-.", *host)) {
        fields_refuse(f, name, "is not a host name or an address");
        return NULL;
    }
    return host;
}

/* A count where null, 0 and less mean none. */
static int64_t accounts_read_count(struct fields *f, const char *name, int64_t max)
{
    int64_t n = 0;

    fields_int(f, name, 0, INT64_MIN, max, &n);
    return n > 0 ? n : 0;
}

static void accounts_read_trust(struct fields *f, struct accounts_form *form)
{
    const char *pin = fields_text(f, "tls_pin", 0, ACCOUNTS_TEXT_OCTETS_MAX);
    const char *why;

    form->tls_verify = true;
    fields_bool(f, "tls_verify", &form->tls_verify);
    form->tls_ca = fields_text(f, "tls_ca", 0, ACCOUNTS_PEM_OCTETS_MAX);
    why = form->tls_ca && *form->tls_ca ? certificate_check(form->tls_ca) : NULL;
    if (why)
        fields_refuse(f, "tls_ca", why);
    if (pin && *pin && !certificate_read_pin(pin, form->tls_pin))
        fields_refuse(
            f, "tls_pin",
            "is not the SHA-256 of a public key: sha256//BASE64 or 64 hexadecimal digits");
}

static void accounts_read_imap(struct fields *f, struct accounts_form *form)
{
    fields_bool(f, "is_pec_account", &form->is_pec_account);
    form->imap_host = accounts_read_host(f, "imap_host", 0);
    form->imap_port = 993;
    fields_int(f, "imap_port", 0, 1, 65535, &form->imap_port);
    form->imap_user = fields_line(f, "imap_user", 0, ACCOUNTS_TEXT_OCTETS_MAX);
    form->imap_password = fields_text(f, "imap_password", 0, SECRET_PLAIN_CAP_OCTETS);
    form->imap_ssl = true;
    fields_bool(f, "imap_ssl", &form->imap_ssl);
}

static void accounts_read_form(struct fields *f, struct accounts_form *form)
{
    form->account_id =
        fields_text(f, "id", FIELD_REQUIRED | FIELD_NOT_EMPTY, REQUEST_ID_OCTETS_MAX);
    form->name = fields_text(f, "name", 0, ACCOUNTS_TEXT_OCTETS_MAX);
    form->host = accounts_read_host(f, "host", FIELD_REQUIRED | FIELD_NOT_EMPTY);
    fields_int(f, "port", FIELD_REQUIRED, 1, 65535, &form->port);
    form->user = fields_line(f, "user", 0, ACCOUNTS_TEXT_OCTETS_MAX);
    form->password = fields_text(f, "password", 0, SECRET_PLAIN_CAP_OCTETS);
    form->has_use_tls = fields_bool(f, "use_tls", &form->use_tls);
    accounts_read_trust(f, form);
    form->timeout_s = accounts_read_count(f, "timeout", ACCOUNTS_SECONDS_MAX);
    form->ttl_s = 300;
    fields_int(f, "ttl", 0, 0, ACCOUNTS_SECONDS_MAX, &form->ttl_s);
    form->max_connections = accounts_read_count(f, "max_connections", INT32_MAX);
    form->batch_size = accounts_read_count(f, "batch_size", INT32_MAX);
    form->per_minute = accounts_read_count(f, "limit_per_minute", INT32_MAX);
    form->per_hour = accounts_read_count(f, "limit_per_hour", INT32_MAX);
    form->per_day = accounts_read_count(f, "limit_per_day", INT32_MAX);
    form->limit_behavior = fields_text(f, "limit_behavior", 0, REQUEST_ID_OCTETS_MAX);
    form->has_delays =
        fields_ints(f, "retry_delays", CONFIG_DELAYS_MAX, 0, ACCOUNTS_DELAY_MAX_S, &form->delays);
    accounts_read_imap(f, form);
}

static enum err accounts_seal(const struct secret_ring *keys, const struct accounts_form *form,
                              const char *what, const char *plain, struct sealed *ret,
                              struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];

    if (!plain || !*plain)
        return ERR_OK;
    secret_context(context,
                   (const char *const[]){"account", form->tenant_id, form->account_id, what, NULL});
    return secret_seal(keys, context, plain, ret, err);
}

static void accounts_param_count(struct db_params *p, int64_t count)
{
    if (count)
        db_param_int(p, count);
    else
        db_param_null(p);
}

static void accounts_param_sealed(struct db_params *p, const struct sealed *sealed)
{
    db_param_octets(p, sealed->octets, sealed->len);
    db_param_text(p, sealed->octets ? sealed->key_id : NULL);
}

static const char *accounts_given(const char *text) /* an empty text is as good as none */
{
    return text && *text ? text : NULL;
}

static void accounts_set_params(struct db_params *p, const struct accounts_form *form)
{
    db_param_text(p, form->tenant_id);
    db_param_text(p, form->account_id);
    db_param_text(p, accounts_given(form->name));
    db_param_text(p, form->host);
    db_param_int(p, form->port);
    db_param_text(p, accounts_given(form->user));
    accounts_param_sealed(p, &form->password_sealed);
    if (form->has_use_tls)
        db_param_bool(p, form->use_tls);
    else
        db_param_null(p);
    db_param_bool(p, form->tls_verify);
    db_param_text(p, accounts_given(form->tls_ca));
    db_param_text(p, accounts_given(form->tls_pin));
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
    db_param_text(p, accounts_given(form->imap_host));
    db_param_int(p, form->imap_port);
    db_param_text(p, accounts_given(form->imap_user));
    accounts_param_sealed(p, &form->imap_password_sealed);
    db_param_bool(p, form->imap_ssl);
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
    PQclear(res);
    return rc;
}

static void accounts_store(struct request *req, struct accounts_form *form, struct reply *reply)
{
    const struct secret_ring *keys = req->context->keys;
    struct db_conn *db;
    struct error err;
    enum err rc =
        accounts_seal(keys, form, "password", form->password, &form->password_sealed, &err);

    if (!rc)
        rc = accounts_seal(keys, form, "imap_password", form->imap_password,
                           &form->imap_password_sealed, &err);
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
    struct fields f = fields_of("body", req->body);
    struct accounts_form form = {.delays = db_array_of(DB_INT4)};
    const char *named = fields_text(&f, "tenant_id", 0, REQUEST_ID_OCTETS_MAX);

    accounts_read_form(&f, &form);
    if (fields_failed(&f)) {
        reply_fields(reply, &f);
    } else if (request_tenant(req, named, &form.tenant_id, reply)) {
        if (!form.tenant_id)
            form.tenant_id = "default";
        accounts_store(req, &form, reply);
    }
    sealed_clear(&form.password_sealed);
    sealed_clear(&form.imap_password_sealed);
    db_array_clear(&form.delays);
    fields_clear(&f);
}

static void accounts_append_int(struct object *o, const char *key, const PGresult *res, int row,
                                int column)
{
    if (!db_is_null(res, row, column))
        object_int(o, key, db_int(res, row, column));
}

/* What an operator should know about how this account is set up; NULL: nothing. */
static const char *accounts_warning(const PGresult *res, int row)
{
    bool has_user = !db_is_null(res, row, 4);
    bool tls = db_is_null(res, row, 10) ? db_int(res, row, 3) == 465 : db_bool(res, row, 10);

    if (has_user && !tls)
        return "credentials are sent over a plain connection";
    if (tls && !db_bool(res, row, 22))
        return "the server's certificate is not verified";
    return NULL;
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
        struct buf *out = reply_json(reply, 200);

        buf_append_str(out, "{\"ok\":true,\"accounts\":[");
        for (int i = 0; i < PQntuples(res); i++) {
            if (i)
                buf_append_char(out, ',');
            accounts_append_row(res, i, out);
        }
        buf_append_str(out, "]}");
    }
    PQclear(res);
}

void accounts_delete(struct request *req, struct reply *reply)
{
    const char *account_id = request_param(req, "account_id", reply);
    struct db_conn *db;
    struct db_params p = {0};
    PGresult *res = NULL;
    const char *tenant_id;
    struct error err;
    enum err rc;

    if (!account_id || !request_tenant(req, NULL, &tenant_id, reply))
        return;
    db_param_text(&p, tenant_id);
    db_param_text(&p, account_id);
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = transaction_run_one(db, &SQL_DELETE_ACCOUNT, &p, &res, &err);
    if (rc)
        reply_error(reply, &err);
    else if (!PQntuples(res) && json_get_value(req->query, "tenant_id"))
        reply_detail(reply, 400, "account not found or not owned by tenant");
    else
        reply_ok(reply);
    PQclear(res);
}
