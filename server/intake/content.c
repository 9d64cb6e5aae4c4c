/*
 * content.c - write the stored form of a message. See content.h.
 */
#include "server/intake/content.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "server/intake/attachment.h"

enum { CONTENT_ATTACHMENTS_MAX = 1000, CONTENT_SLACK_OCTETS = 64 * 1024 };

static enum err content_append_attachments(struct draft *d, const struct validate_limits *limits,
                                           struct error *err)
{
    const cJSON *list = draft_value(d, DRAFT_ATTACHMENTS);
    const cJSON *item;
    enum err rc = ERR_OK;
    int32_t ordinal = 0;

    if (!list) {
        buf_append_str(&d->content, "null");
        return ERR_OK;
    }
    if (!cJSON_IsArray(list)) {
        draft_refuse(d, DRAFT_ATTACHMENTS, "is not an array");
        return ERR_OK;
    }
    buf_append_char(&d->content, '[');
    cJSON_ArrayForEach(item, list)
    {
        if (ordinal == CONTENT_ATTACHMENTS_MAX) {
            draft_refuse(d, DRAFT_ATTACHMENTS, "more than 1000 of them");
            return ERR_OK;
        }
        if (ordinal)
            buf_append_char(&d->content, ',');
        rc = attachment_take(d, item, ordinal++, limits, err);
        if (rc || d->fate != DRAFT_OPEN)
            return rc;
    }
    buf_append_char(&d->content, ']');
    return ERR_OK;
}

static enum err content_append_field(struct draft *d, enum draft_field field,
                                     const struct validate_limits *limits, struct error *err)
{
    if (!d->field[field] && field != DRAFT_PRIORITY)
        return ERR_OK;
    buf_printf(&d->content, "%s\"%s\":", d->content.len > 1 ? "," : "", draft_field_name(field));
    if (field == DRAFT_ATTACHMENTS)
        return content_append_attachments(d, limits, err);
    if (field == DRAFT_PRIORITY)
        buf_printf(&d->content, "%d", (int)d->priority);
    else
        json_append_value(&d->content, d->field[field]);
    return ERR_OK;
}

static void content_measure(struct draft *d, const struct validate_limits *limits)
{
    int64_t size = (int64_t)d->content.len;

    for (size_t i = 0; i < d->attachment_count; i++)
        size += (int64_t)d->attachments[i].len;
    if (size > limits->max_message_octets || d->content.failed)
        draft_reject(d, "invalid message: is over the limit of %lld octets",
                     (long long)limits->max_message_octets);
    else
        d->size_octets = size;
}

enum err content_build(struct draft *d, const struct validate_limits *limits, struct error *err)
{
    enum err rc = ERR_OK;

    buf_clear(&d->content);
    d->content.cap = (size_t)limits->max_message_octets + CONTENT_SLACK_OCTETS;
    buf_append_char(&d->content, '{');
    for (int field = 0; field < DRAFT_FIELD_COUNT && !rc && d->fate == DRAFT_OPEN; field++)
        rc = content_append_field(d, (enum draft_field)field, limits, err);
    if (rc || d->fate != DRAFT_OPEN)
        return rc;
    buf_append_char(&d->content, '}');
    content_measure(d, limits);
    return ERR_OK;
}
