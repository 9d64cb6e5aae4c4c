/*
 * fields.c - read members, collect errors. See fields.h.
 *
 * Types and messages of the errors are those of pydantic, which served this API before: clients
 * show them.
 */
#include "server/http/fields.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "server/http/object.h"

enum {
    FIELDS_ERRORS_CAP_OCTETS = 256 * 1024,
    FIELDS_INPUT_OCTETS = 2048,
    FIELDS_URL_OCTETS_MAX = 8192
};

/* Members whose values are never shown. */
static const char *const fields_secrets[] = {
    "password", "imap_password", "client_auth", "auth", "report_secret", "token", "api_key"};

struct fields fields_of(const char *where, const cJSON *object)
{
    struct fields f = {
        .where = where, .object = object, .errors = BUF_INIT(FIELDS_ERRORS_CAP_OCTETS)};

    if (!object || cJSON_IsNull(object))
        fields_fail(&f, NULL, "missing", "Field required", NULL);
    else if (!cJSON_IsObject(object))
        fields_fail(&f, NULL, "model_attributes_type",
                    "Input should be a valid dictionary or object to extract fields from", object);
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

static void fields_add(struct fields *f, const char *name, const char *type, const char *msg,
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
    if (name) {
        buf_append_char(o.out, ',');
        json_append_string(o.out, name);
    }
    buf_append_char(o.out, ']');
    object_text(&o, "msg", msg);
    object_key(&o, "input");
    fields_append_input(o.out, input, name);
    object_raw(&o, "ctx", ctx);
    object_close(&o);
}

void fields_fail(struct fields *f, const char *name, const char *type, const char *msg,
                 const cJSON *input)
{
    fields_add(f, name, type, msg, input, NULL);
}

void fields_refuse(struct fields *f, const char *name, const char *why)
{
    char msg[160];

    snprintf(msg, sizeof(msg), "Value error, %s", why);
    fields_fail(f, name, "value_error", msg, json_get(f->object, name));
}

/* The member; NULL when it is absent or null, which is an error where it is required. */
static const cJSON *fields_find(struct fields *f, const char *name, unsigned flags)
{
    const cJSON *item = json_get_value(f->object, name);

    if (!item && (flags & FIELD_REQUIRED) && cJSON_IsObject(f->object))
        fields_fail(f, name, "missing", "Field required", f->object);
    return item;
}

const char *fields_text(struct fields *f, const char *name, unsigned flags, size_t max_octets)
{
    const cJSON *item = fields_find(f, name, flags);
    const char *why;
    char msg[80], ctx[40];

    if (!item)
        return NULL;
    if (!cJSON_IsString(item)) {
        fields_fail(f, name, "string_type", "Input should be a valid string", item);
        return NULL;
    }
    if ((flags & FIELD_NOT_EMPTY) && !*item->valuestring) {
        fields_add(f, name, "string_too_short", "String should have at least 1 character", item,
                   "{\"min_length\":1}");
        return NULL;
    }
    if (strlen(item->valuestring) > max_octets) {
        snprintf(msg, sizeof(msg), "String should have at most %zu octets", max_octets);
        snprintf(ctx, sizeof(ctx), "{\"max_length\":%zu}", max_octets);
        fields_add(f, name, "string_too_long", msg, item, ctx);
        return NULL;
    }
    why = json_check_text(item->valuestring);
    if (why) {
        fields_refuse(f, name, why);
        return NULL;
    }
    return item->valuestring;
}

bool fields_int(struct fields *f, const char *name, unsigned flags, int64_t min, int64_t max,
                int64_t *ret)
{
    const cJSON *item = fields_find(f, name, flags);
    int64_t value;
    char msg[80], ctx[40];

    if (!item)
        return false;
    if (!json_to_int(item, &value)) {
        fields_fail(f, name, "int_parsing",
                    "Input should be a valid integer, unable to parse string as an integer", item);
        return false;
    }
    if (value < min || value > max) {
        bool low = value < min;
        long long bound = (long long)(low ? min : max);

        snprintf(msg, sizeof(msg), "Input should be %s than or equal to %lld",
                 low ? "greater" : "less", bound);
        snprintf(ctx, sizeof(ctx), "{\"%s\":%lld}", low ? "ge" : "le", bound);
        fields_add(f, name, low ? "greater_than_equal" : "less_than_equal", msg, item, ctx);
        return false;
    }
    *ret = value;
    return true;
}

bool fields_bool(struct fields *f, const char *name, bool *ret)
{
    const cJSON *item = fields_find(f, name, 0);

    if (!item)
        return false;
    if (json_to_bool(item, ret))
        return true;
    fields_fail(f, name, "bool_parsing",
                "Input should be a valid boolean, unable to interpret input", item);
    return false;
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

const cJSON *fields_object(struct fields *f, const char *name)
{
    const cJSON *item = fields_find(f, name, 0);
    const char *why;

    if (!item)
        return NULL;
    if (!cJSON_IsObject(item)) {
        fields_fail(f, name, "dict_type", "Input should be a valid dictionary", item);
        return NULL;
    }
    why = fields_check_texts(item);
    if (why) {
        fields_refuse(f, name, why);
        return NULL;
    }
    return item;
}

const cJSON *fields_array(struct fields *f, const char *name, unsigned flags)
{
    const cJSON *item = fields_find(f, name, flags);

    if (!item)
        return NULL;
    if (!cJSON_IsArray(item)) {
        fields_fail(f, name, "list_type", "Input should be a valid list", item);
        return NULL;
    }
    return item;
}

bool fields_ints(struct fields *f, const char *name, uint32_t max_count, int64_t min, int64_t max,
                 struct db_array *ret)
{
    const cJSON *array = fields_array(f, name, 0);
    const cJSON *item;
    char why[100];

    if (!array)
        return false;
    cJSON_ArrayForEach(item, array)
    {
        int64_t value;

        if (ret->count >= max_count || !json_to_int(item, &value) || value < min || value > max) {
            snprintf(why, sizeof(why), "at most %u integers from %lld to %lld", max_count,
                     (long long)min, (long long)max);
            fields_refuse(f, name, why);
            return false;
        }
        db_array_int(ret, value);
    }
    return true;
}

const char *fields_line(struct fields *f, const char *name, unsigned flags, size_t max_octets)
{
    const char *text = fields_text(f, name, flags, max_octets);

    for (const unsigned char *p = (const unsigned char *)text; p && *p; p++) {
        if (*p < ' ' || *p == 0x7f) {
            fields_refuse(f, name, "contains a control character");
            return NULL;
        }
    }
    return text;
}

const char *fields_url_part(struct fields *f, const char *name)
{
    const char *text = fields_text(f, name, 0, FIELDS_URL_OCTETS_MAX);

    if (!text || !*text)
        return NULL;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p <= ' ' || *p == 0x7f) {
            fields_refuse(f, name, "contains a space or a control character");
            return NULL;
        }
    }
    return text;
}
