/*
 * listing_key.c - a place in a list of messages, and its cursor. See listing_key.h.
 */
#include "server/routes/listing_key.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/token.h"
#include "server/http/fields.h"

enum { LISTING_KEY_CURSOR_OCTETS = 4096 };

void listing_key_clear(struct listing_key *key)
{
    free(key->message_id);
    free(key->tenant_id);
    *key = (struct listing_key){0};
}

enum err listing_key_set(struct listing_key *key, int64_t priority, int64_t created_us,
                         const char *message_id, const char *tenant_id, struct error *err)
{
    struct listing_key made = {priority, created_us, strdup(message_id), strdup(tenant_id)};

    if (!made.message_id || !made.tenant_id) {
        listing_key_clear(&made);
        return error_set(err, ERR_NOMEM, "out of memory for a cursor");
    }
    listing_key_clear(key);
    *key = made;
    return ERR_OK;
}

void listing_key_params(struct db_params *p, const struct listing_key *key)
{
    db_param_int(p, key->message_id ? key->priority : -1);
    db_param_int(p, key->created_us);
    db_param_text(p, key->message_id ? key->message_id : "");
    db_param_text(p, key->tenant_id ? key->tenant_id : "");
}

void listing_key_append_cursor(struct object *o, const struct listing_key *key)
{
    struct buf text = BUF_INIT(LISTING_KEY_CURSOR_OCTETS);
    char *cursor = NULL;
    struct error err;

    buf_printf(&text, "[%" PRId64 ",\"%" PRId64 "\",", key->priority, key->created_us);
    json_append_string(&text, key->message_id);
    buf_append_char(&text, ',');
    json_append_string(&text, key->tenant_id);
    buf_append_char(&text, ']');
    if (!text.failed && !token_base64(text.data, text.len, &cursor, &err)) {
        for (char *p = cursor; *p; p++) /* the alphabet of URLs, RFC 4648 section 5 */
            *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
        cursor[strcspn(cursor, "=")] = '\0';
        object_text(o, "next", cursor);
    }
    free(cursor);
    buf_clear(&text);
}

static bool listing_key_parse_cursor(const char *text, size_t n, struct listing_key *ret)
{
    struct json_syntax_error syntax;
    struct error err;
    cJSON *key = NULL;
    int64_t priority, created_us;
    bool fine = false;

    if (json_parse(text, n, &key, &syntax, &err))
        return false;
    if (cJSON_GetArraySize(key) == 4 && json_to_int(cJSON_GetArrayItem(key, 0), &priority) &&
        priority >= -1 && priority <= 3 && json_to_int(cJSON_GetArrayItem(key, 1), &created_us) &&
        created_us >= 0 && created_us <= INT64_C(253402300799000000)) {
        const cJSON *message_id = cJSON_GetArrayItem(key, 2),
                    *tenant_id = cJSON_GetArrayItem(key, 3);

        fine = cJSON_IsString(message_id) && cJSON_IsString(tenant_id) &&
               !fields_check_texts(key) &&
               !listing_key_set(ret, priority, created_us, message_id->valuestring,
                                tenant_id->valuestring, &err);
    }
    cJSON_Delete(key);
    return fine;
}

bool listing_key_read_cursor(const char *cursor, struct listing_key *ret)
{
    unsigned char *octets = NULL;
    char *plain = strdup(cursor);
    struct error err;
    size_t len = 0;
    bool fine;

    for (char *p = plain; p && *p; p++)
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    fine = plain && !token_base64_decode(plain, strlen(plain), &octets, &len, &err) &&
           listing_key_parse_cursor((const char *)octets, len, ret);
    free(octets);
    free(plain);
    return fine;
}
