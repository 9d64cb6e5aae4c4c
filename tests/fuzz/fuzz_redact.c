/*
 * fuzz_redact.c - any request, redacted: JSON that PostgreSQL takes, within the bound, and without
 * what stood in places that are never shown.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

/* The body begins with a secret in every place that has none to show. */
static const char fuzz_marked[] =
    "{\"password\":\"MARKED\",\"client_auth\":{\"token\":\"MARKED\"},\"strange\":\"MARKED\","
    "\"client_base_url\":\"http://MARKED@h/?MARKED\","
    "\"messages\":[{\"body\":\"MARKED\",\"headers\":{\"X\":\"MARKED\"},\"attachments\":["
    "{\"content\":\"MARKED\",\"auth\":{\"password\":\"MARKED\"}}]}]}";

static void fuzz_redact_object(const cJSON *first, const cJSON *second)
{
    struct buf out = BUF_INIT(REDACT_OCTETS_MAX);
    struct redact_list list = redact_open(&out);
    struct json_syntax_error syntax;
    cJSON *seen = NULL;

    redact_add_members(&list, first);
    redact_add_members(&list, second);
    redact_close(&list);
    assert(!out.failed);
    assert(!json_check_text(out.data));
    if (!second)
        assert(!strstr(out.data, "MARKED"));
    if (json_parse(out.data, out.len, &seen, &syntax, NULL))
        abort();
    assert(cJSON_IsObject(seen));
    cJSON_Delete(seen);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    struct json_syntax_error syntax;
    cJSON *marked = NULL, *body = NULL;

    if (json_parse(fuzz_marked, sizeof(fuzz_marked) - 1, &marked, &syntax, NULL))
        abort();
    fuzz_redact_object(marked, NULL);
    if (!json_parse((const char *)octets, n, &body, &syntax, NULL))
        fuzz_redact_object(marked, body);
    cJSON_Delete(body);
    cJSON_Delete(marked);
    return 0;
}
