/*
 * test_credentials.c - server/intake/credentials: what is stored of the credentials an attachment
 * brings along
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/token.h"
#include "server/intake/credentials.h"

#define TEST_KEY "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

static const struct draft test_draft = {.tenant_id = "acme", .id = "a/1"};

/* What is stored of `auth`; owned. */
static char *test_store(const char *auth, const struct secret_ring *keys, enum err expected,
                        struct error *err)
{
    struct buf out = BUF_INIT(4 * SECRET_PLAIN_CAP_OCTETS);
    cJSON *object = cJSON_Parse(auth);
    size_t n;

    assert_non_null(object);
    assert_int_equal(credentials_append(&test_draft, object, keys, &out, err), expected);
    cJSON_Delete(object);
    return buf_take(&out, &n);
}

static void test_known_members_are_sealed_for_this_message_alone(void **state)
{
    struct secret_ring *keys = NULL;
    unsigned char *octets = NULL;
    char *stored, *plain = NULL;
    const char *sealed, *key_id;
    struct error err;
    size_t len = 0;
    cJSON *object;

    (void)state;
    assert_int_equal(secret_ring_new(TEST_KEY, &keys, &err), ERR_OK);
    stored = test_store("{\"password\":\"word\",\"x\":1,\"user\":\"u\",\"token\":null}", keys,
                        ERR_OK, &err);
    assert_null(strstr(stored, "word"));
    object = cJSON_Parse(stored);
    sealed = cJSON_GetStringValue(json_get(object, "sealed"));
    key_id = cJSON_GetStringValue(json_get(object, "key_id"));
    assert_non_null(sealed);
    assert_int_equal(token_base64_decode(sealed, strlen(sealed), &octets, &len, &err), ERR_OK);
    assert_int_equal(secret_open(keys, "message/acme/a/1/auth", key_id, octets, len, &plain, &err),
                     ERR_SECRET);
    assert_int_equal(
        secret_open(keys, "message/acme/a%2F1/auth", key_id, octets, len, &plain, &err), ERR_OK);
    assert_string_equal(plain, "{\"user\":\"u\",\"password\":\"word\"}");
    secret_wipe_free(plain);
    free(octets);
    cJSON_Delete(object);
    free(stored);
    secret_ring_free(keys);
}

static void test_without_a_key_only_what_holds_no_secret_is_stored(void **state)
{
    struct error err;
    char *stored;

    (void)state;
    stored = test_store("{\"method\":\"none\",\"user\":\"u\",\"x\":1}", NULL, ERR_OK, &err);
    assert_string_equal(stored, "{\"method\":\"none\",\"user\":\"u\"}");
    free(stored);
    free(test_store("{\"password\":\"p\"}", NULL, ERR_SECRET, &err));
    assert_non_null(strstr(err.text, "openssl rand -base64 32"));
    free(test_store("{\"token\":\"t\"}", NULL, ERR_SECRET, &err));
}

static void test_a_secret_over_the_cap_is_refused(void **state)
{
    struct buf auth = BUF_INIT(4 * SECRET_PLAIN_CAP_OCTETS);
    struct error err;

    (void)state;
    buf_append_str(&auth, "{\"token\":\"");
    for (int i = 0; i < SECRET_PLAIN_CAP_OCTETS; i++)
        buf_append_char(&auth, 'x');
    buf_append_str(&auth, "\"}");
    free(test_store(auth.data, NULL, ERR_LIMIT, &err));
    buf_clear(&auth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_members_are_sealed_for_this_message_alone),
        cmocka_unit_test(test_without_a_key_only_what_holds_no_secret_is_stored),
        cmocka_unit_test(test_a_secret_over_the_cap_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
