/*
 * headers.c - check custom header fields. See headers.h.
 */
#include "server/intake/headers.h"

#include <string.h>
#include <strings.h>

#include "server/intake/validate.h"

enum { HEADERS_NAME_OCTETS_MAX = 255 };

/* ftext of RFC 5322 section 3.6.8: visible ASCII but the colon. */
static bool headers_is_name(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':')
            return false;
    return n > 0 && n <= HEADERS_NAME_OCTETS_MAX;
}

/* Fields that would reveal recipients, or contradict the body we build. */
static bool headers_is_ours(const char *name)
{
    return !strcasecmp(name, "Bcc") || !strcasecmp(name, "Return-Path") ||
           !strcasecmp(name, "MIME-Version") || !strncasecmp(name, "Content-", 8);
}

void headers_check(struct draft *d)
{
    const cJSON *headers = draft_value(d, DRAFT_HEADERS);
    const cJSON *item;

    if (!headers)
        return;
    if (!cJSON_IsObject(headers)) {
        draft_refuse(d, DRAFT_HEADERS, "is not an object");
        return;
    }
    cJSON_ArrayForEach(item, headers)
    {
        const char *why = NULL;

        if (!headers_is_name(item->string)) {
            draft_refuse(d, DRAFT_HEADERS,
                         "holds a name that is no header field name (RFC 5322 section 2.2)");
            return;
        }
        if (headers_is_ours(item->string))
            why = "cannot be set";
        else if (cJSON_IsString(item))
            why = validate_header_text(item->valuestring);
        else if (cJSON_IsArray(item) || cJSON_IsObject(item))
            why = "is not a text, number or boolean";
        if (why) {
            draft_reject(d, "invalid headers: %.64s %s", item->string, why);
            return;
        }
    }
}
