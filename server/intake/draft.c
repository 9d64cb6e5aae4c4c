/*
 * draft.c - gather, identify, reject. See draft.h.
 */
#include "server/intake/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

static const char *const draft_names[DRAFT_FIELD_COUNT] = {
    [DRAFT_ID] = "id",
    [DRAFT_TENANT_ID] = "tenant_id",
    [DRAFT_ACCOUNT_ID] = "account_id",
    [DRAFT_FROM] = "from",
    [DRAFT_TO] = "to",
    [DRAFT_CC] = "cc",
    [DRAFT_BCC] = "bcc",
    [DRAFT_REPLY_TO] = "reply_to",
    [DRAFT_RETURN_PATH] = "return_path",
    [DRAFT_SUBJECT] = "subject",
    [DRAFT_BODY] = "body",
    [DRAFT_CONTENT_TYPE] = "content_type",
    [DRAFT_HEADERS] = "headers",
    [DRAFT_MESSAGE_ID] = "message_id",
    [DRAFT_ATTACHMENTS] = "attachments",
    [DRAFT_PRIORITY] = "priority",
    [DRAFT_DEFERRED_TS] = "deferred_ts",
    [DRAFT_BATCH_CODE] = "batch_code",
};

const char *draft_field_name(enum draft_field field)
{
    return draft_names[field];
}

enum err draft_batch_new(const cJSON *messages, struct draft_batch *ret, struct error *err)
{
    size_t count = (size_t)cJSON_GetArraySize(messages);
    struct draft *items = calloc(count ? count : 1, sizeof(*items));
    const cJSON *item;
    size_t i = 0;

    if (!items)
        return error_set(err, ERR_NOMEM, "out of memory for %zu drafts", count);
    cJSON_ArrayForEach(item, messages)
    {
        items[i++].source = item;
    }
    *ret = (struct draft_batch){.items = items, .count = count};
    return ERR_OK;
}

void draft_drop_content(struct draft *d)
{
    buf_clear(&d->content);
    for (size_t i = 0; i < d->attachment_count; i++)
        free(d->attachments[i].octets);
    free(d->attachments);
    d->attachments = NULL;
    d->attachment_count = 0;
    free(d->mime_message_id);
    d->mime_message_id = NULL;
}

void draft_batch_clear(struct draft_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        draft_drop_content(&batch->items[i]);
        free(batch->items[i].found_tenant_id);
    }
    free(batch->items);
    *batch = (struct draft_batch){0};
}

void draft_reject(struct draft *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(d->reason, sizeof(d->reason), fmt, args);
    va_end(args);
    d->fate = DRAFT_REJECTED;
    draft_drop_content(d);
}

void draft_refuse(struct draft *d, enum draft_field field, const char *why)
{
    draft_reject(d, "invalid %s: %s", draft_names[field], why);
}

const cJSON *draft_value(const struct draft *d, enum draft_field field)
{
    return cJSON_IsNull(d->field[field]) ? NULL : d->field[field];
}

/* One pass, so that a message of a million members costs no more than its length. */
static void draft_gather(struct draft *d)
{
    const cJSON *from_addr = NULL, *item;

    cJSON_ArrayForEach(item, d->source)
    {
        if (!strcmp(item->string, "from_addr") || !strcmp(item->string, "from_"))
            from_addr = item;
        for (int i = 0; i < DRAFT_FIELD_COUNT; i++)
            if (!strcmp(item->string, draft_names[i]))
                d->field[i] = item;
    }
    if (!draft_value(d, DRAFT_FROM) && from_addr)
        d->field[DRAFT_FROM] = from_addr;
}

static bool draft_is_blank(const char *text, const char *blanks)
{
    return text[strspn(text, blanks)] == '\0';
}

/* Absent, null, or a text without anything in it. What is of another type is not missing but
 * invalid, later. */
static bool draft_is_missing(const struct draft *d, enum draft_field field, const char *blanks)
{
    const cJSON *value = draft_value(d, field);
    const cJSON *item;

    if (!value)
        return true;
    if (cJSON_IsString(value))
        return draft_is_blank(value->valuestring, blanks);
    if (field != DRAFT_TO || !cJSON_IsArray(value))
        return false;
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsNull(item) &&
            !(cJSON_IsString(item) && draft_is_blank(item->valuestring, blanks)))
            return false;
    }
    return true;
}

/* A text that can be an id in the database; NULL: refused. */
static const char *draft_read_id(struct draft *d, enum draft_field field)
{
    const cJSON *value = draft_value(d, field);
    const char *why =
        cJSON_IsString(value) ? json_check_text(value->valuestring) : "is not a string";

    if (!why && strlen(value->valuestring) > DRAFT_ID_OCTETS_MAX)
        why = "is longer than 255 octets";
    if (!why)
        return value->valuestring;
    draft_refuse(d, field, why);
    return NULL;
}

static void draft_find_tenant(struct draft *d, const char *query_tenant, const char *token_tenant)
{
    const cJSON *value = draft_value(d, DRAFT_TENANT_ID);

    if (value && !(cJSON_IsString(value) && !*value->valuestring))
        d->tenant_id = draft_read_id(d, DRAFT_TENANT_ID);
    else
        d->tenant_id = query_tenant ? query_tenant : token_tenant;
    if (d->fate == DRAFT_OPEN && token_tenant && strcmp(d->tenant_id, token_tenant) != 0)
        draft_reject(d, "tenant mismatch");
}

void draft_identify(struct draft *d, const char *query_tenant, const char *token_tenant)
{
    static const struct {
        enum draft_field field;
        const char *blanks;
    } needed[] = {
        {DRAFT_ID, ""},         {DRAFT_FROM, " \t\r\n"}, {DRAFT_TO, " \t\r\n,"},
        {DRAFT_ACCOUNT_ID, ""}, {DRAFT_SUBJECT, NULL},
    };

    if (!cJSON_IsObject(d->source)) {
        draft_reject(d, "invalid message: is not an object");
        return;
    }
    draft_gather(d);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        enum draft_field field = needed[i].field;

        if (needed[i].blanks ? draft_is_missing(d, field, needed[i].blanks)
                             : !draft_value(d, field)) {
            draft_reject(d, "missing %s", draft_names[field]);
            return;
        }
    }
    draft_find_tenant(d, query_tenant, token_tenant);
    if (d->fate == DRAFT_OPEN)
        d->account_id = draft_read_id(d, DRAFT_ACCOUNT_ID);
}
