/*
 * fuzz_json.c - whatever json_parse() takes can be written, and what is written reads as the same
 * again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void fuzz_json_read_scalars(const cJSON *item)
{
    int64_t number;
    bool flag;

    json_to_int(item, &number);
    json_to_bool(item, &flag);
    if (cJSON_IsString(item))
        json_check_text(item->valuestring);
    for (const cJSON *child = item->child; child; child = child->next) {
        if (cJSON_IsObject(item))
            assert(json_get(item, child->string));
        fuzz_json_read_scalars(child);
    }
}

/* Owned. */
static char *fuzz_json_write(const cJSON *root, size_t *ret_n)
{
    struct buf out = BUF_INIT((size_t)1 << 26);

    json_append_value(&out, root);
    assert(!out.failed);
    return buf_take(&out, ret_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    struct json_syntax_error syntax = {0};
    cJSON *first = NULL, *second = NULL;
    char *once, *twice;
    size_t once_n = 0, twice_n = 0;

    if (json_parse((const char *)octets, n, &first, &syntax, NULL)) {
        assert(!first && syntax.reason && syntax.offset <= n);
        return 0;
    }
    fuzz_json_read_scalars(first);
    once = fuzz_json_write(first, &once_n);
    assert(!json_check_text(once));
    if (json_parse(once, once_n, &second, &syntax, NULL))
        abort();
    twice = fuzz_json_write(second, &twice_n);
    assert(once_n == twice_n && memcmp(once, twice, once_n) == 0);
    free(once);
    free(twice);
    cJSON_Delete(first);
    cJSON_Delete(second);
    return 0;
}
