/*
 * fields.c - collect errors. See fields.h.
 *
 * Types and messages of the errors are those of pydantic, which served this API before: clients
 * show them.
 */
#include "server/http/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "server/http/object.h"

enum { FIELDS_ERRORS_CAP_OCTETS = 256 * 1024, FIELDS_INPUT_OCTETS = 2048 };

/* Members whose values are never shown. */
static const char *const fields_secrets[] = {"password",
                                             "imap_password",
                                             "client_auth",
                                             "auth",
                                             "report_secret",
                                             "token",
                                             "api_key",
                                             "api_token",
                                             "bounce_imap_password",
                                             "oauth_client_auth", /* the secret, given here */
                                             "oauth_client_secret",
                                             "oauth_refresh_token",
                                             "oauth_token",
                                             "tls_ca", /* a private key, pasted along */
                                             "tls_client_cert",
                                             "tls_client_key"};

void fields_look_at(struct fields *f, const char *where, const cJSON *object)
{
    f->where = where;
    f->object = object;
    if (!object || cJSON_IsNull(object))
        fields_fail(f, NULL, "missing", "Field required", NULL, NULL);
    else if (!cJSON_IsObject(object))
        fields_fail(f, NULL, "model_attributes_type",
                    "Input should be a valid dictionary or object to extract fields from", object,
                    NULL);
}

struct fields fields_of(const char *where, const cJSON *object)
{
    struct fields f = {.errors = BUF_INIT(FIELDS_ERRORS_CAP_OCTETS)};

    fields_look_at(&f, where, object);
    return f;
}

void fields_clear(struct fields *f)
{
    buf_clear(&f->errors);
}

bool fields_failed(const struct fields *f)
{
    return f->errors.len > 0 || f->errors.failed;
}

static bool fields_is_secret(const char *name)
{
    for (size_t i = 0; i < sizeof(fields_secrets) / sizeof(fields_secrets[0]); i++)
        if (name && !strcmp(name, fields_secrets[i]))
            return true;
    return false;
}

/* `item` as JSON, secrets masked. Recursion is bounded by the parser's own depth. */
static void fields_append_masked(struct buf *out, const cJSON *item, const char *name)
{
    const cJSON *child;

    if (fields_is_secret(name) && !cJSON_IsNull(item)) {
        buf_append_str(out, "\"***\"");
    } else if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        buf_append_char(out, cJSON_IsObject(item) ? '{' : '[');
        cJSON_ArrayForEach(child, item)
        {
            if (out->failed)
                return;
            if (child != item->child)
                buf_append_char(out, ',');
            if (cJSON_IsObject(item)) {
                json_append_string(out, child->string);
                buf_append_char(out, ':');
            }
            fields_append_masked(out, child, cJSON_IsObject(item) ? child->string : NULL);
        }
        buf_append_char(out, cJSON_IsObject(item) ? '}' : ']');
    } else {
        json_append_value(out, item);
    }
}

/* The offending value; null when it is too long to be of use to anyone. */
static void fields_append_input(struct buf *out, const cJSON *input, const char *name)
{
    struct buf text = BUF_INIT(FIELDS_INPUT_OCTETS);

    if (input)
        fields_append_masked(&text, input, name);
    buf_append_str(out, input && !text.failed ? text.data : "null");
    buf_clear(&text);
}

void fields_fail(struct fields *f, const char *name, const char *type, const char *msg,
                 const cJSON *input, const char *ctx)
{
    struct object o;

    if (f->errors.len)
        buf_append_char(&f->errors, ',');
    o = object_open(&f->errors);
    object_text(&o, "type", type);
    object_key(&o, "loc");
    buf_append_char(o.out, '[');
    json_append_string(o.out, f->where);
    if (f->list) {
        buf_append_char(o.out, ',');
        json_append_string(o.out, f->list);
        buf_printf(o.out, ",%" PRIu32, f->list_item);
    }
    if (name) {
        buf_append_char(o.out, ',');
        json_append_string(o.out, name);
    }
    if (f->item)
        buf_printf(o.out, ",%" PRIu32, f->item - 1);
    buf_append_char(o.out, ']');
    object_text(&o, "msg", msg);
    object_key(&o, "input");
    fields_append_input(o.out, input, name);
    object_raw(&o, "ctx", ctx);
    object_close(&o);
}

void fields_refuse(struct fields *f, const char *name, const char *why)
{
    const cJSON *input = json_get(f->object, name);
    char msg[160];

    if (f->item)
        input = cJSON_GetArrayItem(input, (int)f->item - 1);
    snprintf(msg, sizeof(msg), "Value error, %s", why);
    fields_fail(f, name, "value_error", msg, input, NULL);
}

const char *fields_check_texts(const cJSON *item)
{
    const cJSON *child;
    const char *why = NULL;

    if (cJSON_IsString(item))
        return json_check_text(item->valuestring);
    if (!cJSON_IsObject(item) && !cJSON_IsArray(item))
        return NULL;
    cJSON_ArrayForEach(child, item)
    {
        if (child->string)
            why = json_check_text(child->string);
        if (!why)
            why = fields_check_texts(child);
        if (why)
            return why;
    }
    return NULL;
}
