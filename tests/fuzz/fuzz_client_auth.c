/*
 * fuzz_client_auth.c - credentials as they are sent, merged with the stored ones and shown: what is
 * shown tells no secret, and what is sealed opens as it was.
 *
 * The input is two JSON objects with a NUL between them: what is given, and what is stored.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/http/fields.h"
#include "server/routes/client_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static struct secret_ring *fuzz_client_auth_keys(void)
{
    static struct secret_ring *keys;

    if (!keys && secret_ring_new("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", &keys, NULL))
        abort();
    return keys;
}

/* NULL: no object of texts that could be stored. */
static cJSON *fuzz_client_auth_read(const char *text, size_t n)
{
    struct json_syntax_error syntax;
    cJSON *object = NULL;

    if (json_parse(text, n, &object, &syntax, NULL))
        return NULL;
    if (cJSON_IsObject(object) && !fields_check_texts(object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

static void fuzz_client_auth_show(const cJSON *auth)
{
    struct buf out = BUF_INIT((size_t)1 << 24);
    cJSON *shown;
    const cJSON *item;

    client_auth_append_masked(&out, auth);
    assert(!out.failed);
    shown = fuzz_client_auth_read(out.data, out.len);
    assert(shown && cJSON_GetArraySize(shown) == cJSON_GetArraySize(auth));
    cJSON_ArrayForEach(item, shown)
    {
        if (strcmp(item->string, "method") != 0 && strcmp(item->string, "user") != 0)
            assert(cJSON_IsNull(item) || !strcmp(item->valuestring, CLIENT_AUTH_MASK));
    }
    cJSON_Delete(shown);
    buf_clear(&out);
}

static void fuzz_client_auth_open(const struct sealed *sealed)
{
    char context[SECRET_CONTEXT_OCTETS];
    char *plain = NULL;
    cJSON *opened;

    secret_context(context, (const char *const[]){"tenant", "acme", "client_auth", NULL});
    if (secret_open(fuzz_client_auth_keys(), context, sealed->key_id, sealed->octets, sealed->len,
                    &plain, NULL))
        abort();
    opened = fuzz_client_auth_read(plain, strlen(plain));
    assert(opened);
    fuzz_client_auth_show(opened);
    cJSON_Delete(opened);
    secret_wipe_free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    const char *text = (const char *)octets;
    const char *nul = n ? memchr(text, '\0', n) : NULL;
    size_t first = nul ? (size_t)(nul - text) : n;
    cJSON *given = fuzz_client_auth_read(text, first);
    cJSON *stored = nul ? fuzz_client_auth_read(nul + 1, n - first - 1) : NULL;
    struct sealed sealed = {0};

    if (given) {
        fuzz_client_auth_show(given);
        if (!client_auth_seal(fuzz_client_auth_keys(), "acme", given, stored, &sealed, NULL))
            fuzz_client_auth_open(&sealed);
    }
    sealed_clear(&sealed);
    cJSON_Delete(given);
    cJSON_Delete(stored);
    return 0;
}
