/*
 * request.c - take a request apart. See request.h.
 */
#include "server/http/request.h"

#include <stdlib.h>
#include <string.h>

#include "server/http/shape.h"
#include "server/turnstile.h"

static int request_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode n octets; a percent sign that begins no escape stands for itself. Owned; NULL: out
 * of memory. */
static char *request_decode(const char *text, size_t n, bool plus_is_space)
{
    char *out = malloc(2 * n + 1);
    size_t len = 0;

    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        int high = text[i] == '%' && i + 2 < n ? request_hex(text[i + 1]) : -1;
        int low = high >= 0 ? request_hex(text[i + 2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : text[i];

        if (low >= 0)
            i += 2;
        else if (c == '+' && plus_is_space)
            c = ' ';
        if (c == '\0') { /* cannot stand in a C string; is not UTF-8 this way, and found by every
                            check */
            out[len++] = '\xC0';
            c = '\x80';
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return out;
}

static enum err request_split_path(struct request *req, struct error *err)
{
    const char *at = req->path;

    while (*at == '/') {
        size_t n = strcspn(at + 1, "/");

        if (req->segment_count == REQUEST_SEGMENTS_MAX) {
            req->segment_count++;
            return ERR_OK;
        }
        req->segments[req->segment_count] = request_decode(at + 1, n, false);
        if (!req->segments[req->segment_count])
            return error_set(err, ERR_NOMEM, "out of memory for a request's path");
        req->segment_count++;
        at += 1 + n;
    }
    return ERR_OK;
}

/* "name=value", n octets of it. */
static enum err request_add_parameter(struct request *req, const char *text, size_t n,
                                      struct error *err)
{
    const char *equals = memchr(text, '=', n);
    size_t name_n = equals ? (size_t)(equals - text) : n;
    size_t value_at = equals ? name_n + 1 : n;
    char *name = request_decode(text, name_n, true);
    char *value = request_decode(text + value_at, n - value_at, true);
    enum err rc = ERR_OK;

    if (!name || !value || !cJSON_AddStringToObject(req->query, name, value))
        rc = error_set(err, ERR_NOMEM, "out of memory for a request's query");
    free(name);
    free(value);
    return rc;
}

static enum err request_split_query(struct request *req, const char *query, struct error *err)
{
    enum err rc = ERR_OK;
    int count = 0;

    while (query && *query && !rc) {
        size_t n = strcspn(query, "&");

        if (n > 0 && ++count > REQUEST_QUERY_PARAMS_MAX) /* the one left out might be the tenant */
            rc = error_set(err, ERR_INPUT, "more than %d parameters in the query",
                           REQUEST_QUERY_PARAMS_MAX);
        else if (n > 0)
            rc = request_add_parameter(req, query, n, err);
        query += n + (query[n] == '&');
    }
    return rc;
}

enum err request_init(struct request *req, const struct context *context, const char *method,
                      const char *path, const char *query, struct error *err)
{
    enum err rc;

    *req = (struct request){.context = context, .method = method, .path = path};
    req->query = cJSON_CreateObject();
    req->params = cJSON_CreateObject();
    if (!req->query || !req->params)
        rc = error_set(err, ERR_NOMEM, "out of memory for a request");
    else
        rc = request_split_path(req, err);
    if (!rc)
        rc = request_split_query(req, query, err);
    if (rc) {
        request_clear(req);
        *req = (struct request){.method = method, .path = path}; /* for the log */
    }
    return rc;
}

void request_drop_body(struct request *req)
{
    cJSON_Delete(req->body);
    req->body = NULL;
}

void request_clear(struct request *req)
{
    request_give_db(req);
    for (size_t i = 0; i < req->segment_count && i < REQUEST_SEGMENTS_MAX; i++)
        free(req->segments[i]);
    cJSON_Delete(req->query);
    cJSON_Delete(req->params);
    request_drop_body(req);
    free(req->caller.tenant_id);
    *req = (struct request){0};
}

enum err request_db(struct request *req, struct db_conn **ret, struct error *err)
{
    if (!req->db) {
        enum err rc =
            db_pool_take(req->context->pool, req->context->config->db_pool_wait_ms, &req->db, err);

        if (rc)
            return rc;
    }
    *ret = req->db;
    return ERR_OK;
}

enum err request_db_to_look(struct request *req, struct db_conn **ret, struct error *err)
{
    if (!req->looking) {
        enum err rc =
            turnstile_enter(req->context->looks, req->context->config->db_pool_wait_ms, err);

        if (rc)
            return rc;
        req->looking = true;
    }
    return request_db(req, ret, err);
}

void request_give_db(struct request *req)
{
    if (req->db)
        db_pool_give(req->context->pool, req->db);
    req->db = NULL;
    if (req->looking)
        turnstile_leave(req->context->looks);
    req->looking = false;
}

bool request_may_use(const struct request *req, const char *tenant_id)
{
    return req->caller.kind != CALLER_TENANT || !strcmp(req->caller.tenant_id, tenant_id);
}

bool request_tenant(struct request *req, const char *named, const char **ret, struct reply *reply)
{
    const char *tenant_id = named && *named ? named : value_given(req->query, "tenant_id");

    if (!tenant_id)
        tenant_id = req->caller.kind == CALLER_TENANT ? req->caller.tenant_id : NULL;
    if (tenant_id && !request_may_use(req, tenant_id)) {
        reply_detail(reply, 401, "Token not authorized for this tenant");
        return false;
    }
    *ret = tenant_id;
    return true;
}
