/*
 * validate.c - the rules for a message's fields. See validate.h.
 */
#include "server/intake/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/json.h"
#include "common/token.h"
#include "common/utf8.h"
#include "server/intake/content.h"
#include "server/intake/headers.h"

enum {
    VALIDATE_BATCH_CODE_CHARACTERS_MAX = 64,
    VALIDATE_MESSAGE_ID_OCTETS_MAX =
        900, /* with its name and brackets it fits a line of 998 (RFC 5322 2.1.1) */
};
#define VALIDATE_YEAR_9999_S INT64_C(253402300799)

const char *validate_header_text(const char *text)
{
    return strpbrk(text, "\r\n") ? "contains CR or LF" : json_check_text(text);
}

int32_t validate_priority(const cJSON *value, int32_t fallback)
{
    static const char *const labels[] = {"immediate", "high", "medium", "low"};
    int64_t n;

    for (int32_t i = 0; cJSON_IsString(value) && i < 4; i++)
        if (!strcasecmp(value->valuestring, labels[i]))
            return i;
    if (cJSON_IsNumber(value) && (value->valuedouble < 0 || value->valuedouble > 3))
        return value->valuedouble < 0 ? 0 : 3;
    if (!json_to_int(value, &n))
        return fallback;
    return n < 0 ? 0 : n > 3 ? 3 : (int32_t)n;
}

/* The field's text; NULL: absent or null, or refused (d->fate tells). */
static const char *validate_text(struct draft *d, enum draft_field field,
                                 const char *check(const char *))
{
    const cJSON *value = draft_value(d, field);
    const char *why;

    if (!value)
        return NULL;
    why = cJSON_IsString(value) ? check(value->valuestring) : "is not a string";
    if (!why)
        return value->valuestring;
    draft_refuse(d, field, why);
    return NULL;
}

/* An id goes into a header field of its own. */
static const char *validate_id_text(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < ' ' || *p == 0x7f)
            return *p == '\r' || *p == '\n' ? "contains CR or LF" : "contains a control character";
    return json_check_text(text);
}

static void validate_id(struct draft *d)
{
    d->id = validate_text(d, DRAFT_ID, validate_id_text);
    if (d->id && strlen(d->id) > DRAFT_ID_OCTETS_MAX)
        draft_refuse(d, DRAFT_ID, "is longer than 255 octets");
}

static void validate_batch_code(struct draft *d)
{
    const char *code = validate_text(d, DRAFT_BATCH_CODE, json_check_text);
    size_t characters = 0;

    if (!code || !*code)
        return;
    for (const char *p = code; *p; p += utf8_octets(p))
        characters++;
    if (characters > VALIDATE_BATCH_CODE_CHARACTERS_MAX)
        draft_refuse(d, DRAFT_BATCH_CODE, "is longer than 64 characters");
    else if (strchr(code, ','))
        draft_refuse(d, DRAFT_BATCH_CODE, "contains a comma");
    else
        d->batch_code = code;
}

/* ERR_INPUT becomes the draft's reason; ERR_NOMEM stays an error. */
static enum err validate_settle(struct draft *d, enum draft_field field, enum err rc,
                                const struct error *err)
{
    if (rc == ERR_NOMEM)
        return rc;
    if (rc)
        draft_refuse(d, field, err->text);
    return ERR_OK;
}

/* A text of one or more addresses, or (where the field may be one) an array of such texts. */
static enum err validate_addresses(struct draft *d, enum draft_field field, bool may_be_array,
                                   struct error *err)
{
    const cJSON *value = draft_value(d, field);
    struct address_list list = {0};
    const cJSON *item;
    enum err rc = ERR_OK;

    if (!cJSON_IsArray(value) || !may_be_array) {
        const char *text = validate_text(d, field, validate_header_text);

        if (text)
            rc = address_list_parse(text, &list, err);
    } else {
        cJSON_ArrayForEach(item, value)
        {
            if (cJSON_IsNull(item))
                continue;
            if (!cJSON_IsString(item))
                rc = error_set(err, ERR_INPUT, "holds something that is not a string");
            else if (validate_header_text(item->valuestring))
                rc = error_set(err, ERR_INPUT, "%s", validate_header_text(item->valuestring));
            else
                rc = address_list_parse(item->valuestring, &list, err);
            if (rc)
                break;
        }
    }
    address_list_clear(&list);
    return validate_settle(d, field, rc, err);
}

/* Checks from; *ret_domain: owned, its domain. */
static enum err validate_from(struct draft *d, char **ret_domain, struct error *err)
{
    const char *text = validate_text(d, DRAFT_FROM, validate_header_text);
    struct address from = {0};
    enum err rc;

    if (!text)
        return ERR_OK;
    rc = address_parse(text, &from, err);
    if (!rc) {
        *ret_domain = from.domain;
        from.domain = NULL;
    }
    address_clear(&from);
    return validate_settle(d, DRAFT_FROM, rc, err);
}

static enum err validate_return_path(struct draft *d, struct error *err)
{
    const char *text = validate_text(d, DRAFT_RETURN_PATH, validate_header_text);
    char *path = NULL;
    bool ascii;
    enum err rc;

    if (!text)
        return ERR_OK;
    rc = address_parse_path(text, &path, &ascii, err);
    free(path);
    return validate_settle(d, DRAFT_RETURN_PATH, rc, err);
}

/* What may stand between the brackets of a Message-ID as clients make them: visible ASCII; an "@"
 * is not asked for. */
static bool validate_is_message_id(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '<' || text[i] == '>')
            return false;
    return n > 0;
}

/* The Message-ID field, brackets and all: the given one, else one of our own. */
static enum err validate_message_id(struct draft *d, const char *domain, struct error *err)
{
    const char *text = validate_text(d, DRAFT_MESSAGE_ID, validate_header_text);
    char made[TOKEN_ID_OCTETS];
    size_t n = 0;

    if (text) {
        text += strspn(text, " \t");
        n = strlen(text);
        while (n && strchr(" \t", text[n - 1]))
            n--;
        if (n > 1 && text[0] == '<' && text[n - 1] == '>') {
            text++;
            n -= 2;
        }
        if (n > VALIDATE_MESSAGE_ID_OCTETS_MAX)
            draft_refuse(d, DRAFT_MESSAGE_ID, "is longer than 900 octets");
        else if (n && !validate_is_message_id(text, n))
            draft_refuse(d, DRAFT_MESSAGE_ID, "is not of visible ASCII characters");
    }
    if (d->fate != DRAFT_OPEN)
        return ERR_OK;
    if (!n) {
        enum err rc = token_make_id(made, err);

        if (rc)
            return rc;
    }
    d->mime_message_id = malloc(n ? n + 3 : sizeof(made) + strlen(domain) + 3);
    if (!d->mime_message_id)
        return error_set(err, ERR_NOMEM, "out of memory for a Message-ID");
    if (n)
        snprintf(d->mime_message_id, n + 3, "<%.*s>", (int)n, text);
    else
        snprintf(d->mime_message_id, sizeof(made) + strlen(domain) + 3, "<%s@%s>", made, domain);
    return ERR_OK;
}

static void validate_deferred_ts(struct draft *d)
{
    const cJSON *value = draft_value(d, DRAFT_DEFERRED_TS);
    int64_t due_s;

    if (!value)
        return;
    if (!json_to_int(value, &due_s) || due_s > VALIDATE_YEAR_9999_S)
        draft_refuse(d, DRAFT_DEFERRED_TS, "is not a time in seconds since the epoch");
    else
        d->due_s = due_s > 0 ? due_s : 0;
}

/* The fields that other software acts on. */
static enum err validate_envelope(struct draft *d, struct error *err)
{
    static const struct {
        enum draft_field field;
        bool may_be_array;
    } lists[] = {{DRAFT_TO, true}, {DRAFT_CC, true}, {DRAFT_BCC, true}, {DRAFT_REPLY_TO, false}};
    char *domain = NULL;
    enum err rc = validate_from(d, &domain, err);

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !rc && d->fate == DRAFT_OPEN; i++)
        rc = validate_addresses(d, lists[i].field, lists[i].may_be_array, err);
    if (!rc && d->fate == DRAFT_OPEN)
        rc = validate_return_path(d, err);
    if (!rc && d->fate == DRAFT_OPEN)
        rc = validate_message_id(d, domain, err);
    free(domain);
    return rc;
}

enum err validate_draft(struct draft *d, const struct validate_limits *limits, struct error *err)
{
    enum err rc = ERR_OK;

    validate_id(d);
    if (d->fate == DRAFT_OPEN)
        validate_batch_code(d);
    if (d->fate == DRAFT_OPEN)
        rc = validate_envelope(d, err);
    if (!rc && d->fate == DRAFT_OPEN)
        validate_text(d, DRAFT_SUBJECT, validate_header_text);
    if (!rc && d->fate == DRAFT_OPEN)
        validate_text(d, DRAFT_BODY, json_check_text);
    if (!rc && d->fate == DRAFT_OPEN)
        validate_text(d, DRAFT_CONTENT_TYPE, json_check_text);
    if (!rc && d->fate == DRAFT_OPEN)
        headers_check(d);
    if (!rc && d->fate == DRAFT_OPEN)
        validate_deferred_ts(d);
    if (!rc && d->fate == DRAFT_OPEN && cJSON_IsString(draft_value(d, DRAFT_PRIORITY)))
        validate_text(d, DRAFT_PRIORITY, json_check_text); /* an unknown label is none at all */
    if (rc || d->fate != DRAFT_OPEN)
        return rc;
    d->priority = validate_priority(draft_value(d, DRAFT_PRIORITY), limits->default_priority);
    return content_build(d, limits, err);
}
