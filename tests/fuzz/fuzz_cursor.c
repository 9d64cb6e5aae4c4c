/*
 * fuzz_cursor.c - the `after` of a listing: any text is refused, or stands for a place in the list
 * that makes the same cursor again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/http/shape.h"
#include "server/routes/listing_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static char *fuzz_cursor_make(const struct listing_key *key)
{
    struct buf out = BUF_INIT((size_t)1 << 20);
    struct object o = object_open(&out);
    struct json_syntax_error syntax;
    cJSON *object = NULL;
    char *cursor;

    listing_key_append_cursor(&o, key);
    object_close(&o);
    assert(!out.failed);
    if (json_parse(out.data, out.len, &object, &syntax, NULL))
        abort();
    cursor = value_text(object, "next") ? strdup(value_text(object, "next")) : NULL;
    cJSON_Delete(object);
    buf_clear(&out);
    return cursor;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    struct listing_key key = {0}, again = {0};
    char *text = strndup((const char *)octets, n), *cursor;

    assert(text);
    if (listing_key_read_cursor(text, &key)) {
        assert(!json_check_text(key.message_id) && !json_check_text(key.tenant_id));
        cursor = fuzz_cursor_make(&key);
        if (cursor) {
            if (!listing_key_read_cursor(cursor, &again))
                abort();
            assert(key.priority == again.priority && key.created_us == again.created_us);
            assert(!strcmp(key.message_id, again.message_id));
            assert(!strcmp(key.tenant_id, again.tenant_id));
        }
        free(cursor);
    }
    listing_key_clear(&key);
    listing_key_clear(&again);
    free(text);
    return 0;
}
