/*
 * custom.c - names checked, values made text. See custom.h.
 */
#include "worker/compose/custom.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/json.h"

enum { CUSTOM_FIELDS_MAX = 1000, CUSTOM_NAME_MAX = 255 };

void custom_fields_clear(struct custom_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        free(fields->items[i].value);
    free(fields->items);
    *fields = (struct custom_fields){0};
}

struct custom_field *custom_fields_find(const struct custom_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (!strcasecmp(fields->items[i].name, name))
            return &fields->items[i];
    return NULL;
}

/* RFC 5322 section 3.6.8: printable US-ASCII but the colon. */
static enum err custom_check_name(const char *name, struct error *err)
{
    static const char *const ours[] = {"Bcc", "Return-Path", "MIME-Version"};
    size_t n = strlen(name);

    if (n == 0 || n > CUSTOM_NAME_MAX)
        return error_set(err, ERR_INPUT, "invalid headers: a name must have 1 to %d characters",
                         CUSTOM_NAME_MAX);
    for (size_t i = 0; i < n; i++)
        if (name[i] < 33 || name[i] > 126 || name[i] == ':')
            return error_set(err, ERR_INPUT,
                             "invalid headers: a name holds a character that is not allowed");
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (!strcasecmp(name, ours[i]))
            return error_set(err, ERR_INPUT, "invalid headers: %s may not be set", name);
    if (!strncasecmp(name, "Content-", 8))
        return error_set(err, ERR_INPUT, "invalid headers: %s may not be set", name);
    return ERR_OK;
}

static enum err custom_read_value(const cJSON *item, char **ret, struct error *err)
{
    struct buf text = BUF_INIT(SIZE_MAX / 2); /* it was parsed: the message's own limit held it */
    const char *flaw = NULL;
    char *value = NULL;

    if (cJSON_IsString(item))
        buf_append_str(&text, item->valuestring);
    else if (cJSON_IsBool(item))
        buf_append_str(&text, cJSON_IsTrue(item) ? "True" : "False");
    else
        json_append_value(&text, item); /* numbers; arrays and objects as the JSON they are */
    enum err rc = buf_check(&text, "a header value", err);
    if (rc)
        goto out;
    value = strdup(text.len ? text.data : "");
    if (!value) {
        rc = error_set(err, ERR_NOMEM, "out of memory for a header value");
        goto out;
    }
    flaw = strpbrk(value, "\r\n") ? "contains CR or LF" : json_check_text(value);
    if (flaw) {
        rc = error_set(err, ERR_INPUT, "invalid headers: %s %s", item->string, flaw);
        goto out;
    }
    *ret = value;
    value = NULL;
out:
    free(value);
    buf_clear(&text);
    return rc;
}

static enum err custom_read_field(const cJSON *item, struct custom_fields *fields,
                                  struct error *err)
{
    char *value = NULL;
    enum err rc = custom_check_name(item->string, err);

    if (rc || cJSON_IsNull(item))
        return rc;
    rc = custom_read_value(item, &value, err);
    if (rc)
        return rc;
    struct custom_field *known = custom_fields_find(fields, item->string);
    if (known) {
        free(known->value);
        known->value = value;
    } else {
        fields->items[fields->count++] =
            (struct custom_field){.name = item->string, .value = value};
    }
    return ERR_OK;
}

enum err custom_fields_read(const cJSON *content, struct custom_fields *ret, struct error *err)
{
    const cJSON *headers = json_get_value(content, "headers");
    struct custom_fields fields = {0};
    const cJSON *item;
    enum err rc = ERR_OK;

    if (!headers)
        return ERR_OK;
    if (!cJSON_IsObject(headers))
        return error_set(err, ERR_INPUT, "invalid headers: is not an object");
    int n = cJSON_GetArraySize(headers);
    if (n > CUSTOM_FIELDS_MAX)
        return error_set(err, ERR_INPUT, "invalid headers: more than %d", CUSTOM_FIELDS_MAX);
    fields.items = calloc((size_t)n + 1, sizeof(*fields.items));
    if (!fields.items)
        return error_set(err, ERR_NOMEM, "out of memory for %d headers", n);
    cJSON_ArrayForEach(item, headers)
    {
        rc = custom_read_field(item, &fields, err);
        if (rc)
            goto out;
    }
    *ret = fields;
    fields = (struct custom_fields){0};
out:
    custom_fields_clear(&fields);
    return rc;
}
