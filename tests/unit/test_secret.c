/* test_secret.c - common/secret.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"

/* 32 octets of 'A', of 'B', and of 0. */
#define KEY_A    "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define KEY_B    "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
#define KEY_ZERO "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static struct secret_ring *new_ring(const char *keys)
{
    struct secret_ring *ring = NULL;

    assert_int_equal(secret_ring_new(keys, &ring, NULL), ERR_OK);
    assert_non_null(ring);
    return ring;
}

static void test_secret_comes_back_under_the_same_context(void **state)
{
    static const char *const plains[] = {"", "p", "hunter2", "p\xc3\xa4ssw\xc3\xb6rd \"quoted\"\n"};
    struct secret_ring *ring = new_ring(KEY_A);

    (void)state;
    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        struct sealed s = {0};
        char *plain = NULL;

        assert_int_equal(secret_seal(ring, "account/acme/main/password", plains[i], &s, NULL),
                         ERR_OK);
        assert_int_equal(s.len, 12 + strlen(plains[i]) + 16);
        assert_int_equal(secret_open(ring, "account/acme/main/password", s.key_id, s.octets, s.len,
                                     &plain, NULL),
                         ERR_OK);
        assert_string_equal(plain, plains[i]);
        secret_wipe_free(plain);
        sealed_clear(&s);
    }
    secret_ring_free(ring);
}

/* Test case 14 of McGrew and Viega's specification of GCM: key, nonce and text are all zero. */
static void test_opens_what_another_aes_256_gcm_sealed(void **state)
{
    static const unsigned char sealed[] = {
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, /* nonce */
        0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3,
        0xba, 0xf3, 0x9d, 0x18, 0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
        0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
    static const char zeros[16] = {0};
    struct secret_ring *ring = new_ring(KEY_ZERO);
    char *plain = NULL;

    (void)state;
    /* 66687aad is what SHA-256 of 32 zero octets begins with. */
    assert_int_equal(secret_open(ring, "", "66687aad", sealed, sizeof(sealed), &plain, NULL),
                     ERR_OK);
    assert_memory_equal(plain, zeros, sizeof(zeros));
    secret_wipe_free(plain);
    secret_ring_free(ring);
}

static void test_same_secret_never_looks_the_same_twice(void **state)
{
    struct secret_ring *ring = new_ring(KEY_A);
    struct sealed a = {0}, b = {0};

    (void)state;
    assert_int_equal(secret_seal(ring, "x", "same", &a, NULL), ERR_OK);
    assert_int_equal(secret_seal(ring, "x", "same", &b, NULL), ERR_OK);
    assert_memory_not_equal(a.octets, b.octets, 12);
    assert_memory_not_equal(a.octets + 12, b.octets + 12, a.len - 12);
    sealed_clear(&a);
    sealed_clear(&b);
    secret_ring_free(ring);
}

static void test_sealed_value_does_not_open_in_another_row(void **state)
{
    struct secret_ring *ring = new_ring(KEY_A);
    struct sealed s = {0};
    struct error err;
    char *plain = NULL;

    (void)state;
    assert_int_equal(secret_seal(ring, "account/acme/a", "p", &s, NULL), ERR_OK);
    assert_int_equal(secret_open(ring, "account/evil/a", s.key_id, s.octets, s.len, &plain, &err),
                     ERR_SECRET);
    assert_null(plain);
    assert_string_equal(err.text, "the sealed account/evil/a was tampered with or moved");
    sealed_clear(&s);
    secret_ring_free(ring);
}

static void test_any_changed_bit_is_noticed(void **state)
{
    struct secret_ring *ring = new_ring(KEY_A);
    struct sealed s = {0};
    char *plain = NULL;

    (void)state;
    assert_int_equal(secret_seal(ring, "x", "hunter2", &s, NULL), ERR_OK);
    for (size_t i = 0; i < s.len; i++) {
        s.octets[i] ^= 0x10;
        assert_int_equal(secret_open(ring, "x", s.key_id, s.octets, s.len, &plain, NULL),
                         ERR_SECRET);
        s.octets[i] ^= 0x10;
    }
    for (size_t n = 0; n < s.len; n++)
        assert_int_equal(secret_open(ring, "x", s.key_id, s.octets, n, &plain, NULL), ERR_SECRET);
    assert_null(plain);
    sealed_clear(&s);
    secret_ring_free(ring);
}

static void test_first_key_seals_and_all_keys_open(void **state)
{
    struct secret_ring *old = new_ring(KEY_A), *rotated = new_ring(" " KEY_B " ,\n" KEY_A "\n");
    struct sealed by_a = {0}, by_b = {0};
    char *plain = NULL;
    struct error err;

    (void)state;
    assert_int_equal(secret_seal(old, "x", "before", &by_a, NULL), ERR_OK);
    assert_int_equal(secret_seal(rotated, "x", "after", &by_b, NULL), ERR_OK);
    assert_string_not_equal(by_a.key_id, by_b.key_id);

    assert_int_equal(secret_open(rotated, "x", by_a.key_id, by_a.octets, by_a.len, &plain, NULL),
                     ERR_OK);
    assert_string_equal(plain, "before");
    secret_wipe_free(plain);
    plain = NULL;
    assert_int_equal(secret_open(old, "x", by_b.key_id, by_b.octets, by_b.len, &plain, &err),
                     ERR_SECRET);
    assert_null(plain);
    assert_non_null(strstr(err.text, by_b.key_id));
    sealed_clear(&by_a);
    sealed_clear(&by_b);
    secret_ring_free(old);
    secret_ring_free(rotated);
}

static void test_empty_ring_seals_and_opens_nothing_and_says_how_to_make_a_key(void **state)
{
    static const char *const nothing[] = {NULL, "", " \n"};

    (void)state;
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        struct secret_ring *ring = new_ring(nothing[i]);
        static const unsigned char octets[28] = {0};
        struct sealed s = {0};
        struct error err;
        char *plain = NULL;

        assert_int_equal(secret_seal(ring, "x", "p", &s, &err), ERR_SECRET);
        assert_non_null(strstr(err.text, "MAIL_PROXY_ENCRYPTION_KEY"));
        assert_non_null(strstr(err.text, "openssl rand -base64 32"));
        assert_null(s.octets);
        assert_int_equal(secret_open(ring, "x", "66687aad", octets, 28, &plain, &err), ERR_SECRET);
        assert_non_null(strstr(err.text, "openssl rand -base64 32"));
        assert_null(plain);
        secret_ring_free(ring);
    }
}

static void test_bad_key_is_named_by_its_number_and_never_shown(void **state)
{
    static const struct {
        const char *keys;
        const char *text;
    } cases[] = {
        {"c2VjcmV0", "key 1 "},                 /* too short */
        {KEY_A "QUFB", "key 1 "},               /* not base64 as a whole */
        {KEY_A "," KEY_B ",secret!", "key 3 "}, /* not base64 */
        {KEY_A ",", NULL},                      /* a comma at the end is nothing */
        {"," KEY_A, "key 1 "},                  /* an empty one elsewhere is a mistake */
        {KEY_A ",," KEY_B, "key 2 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct secret_ring *ring = NULL;
        struct error err;
        enum err rc = secret_ring_new(cases[i].keys, &ring, &err);

        assert_int_equal(rc, cases[i].text ? ERR_CONFIG : ERR_OK);
        if (rc) {
            assert_null(ring);
            assert_non_null(strstr(err.text, cases[i].text));
            assert_null(strstr(err.text, "secret!"));
            assert_null(strstr(err.text, "QUFB"));
        }
        secret_ring_free(ring);
    }
}

static void test_more_keys_than_any_rotation_needs_are_refused(void **state)
{
    struct secret_ring *ring = NULL;
    char keys[33 * sizeof(KEY_A)] = "";

    (void)state;
    for (size_t i = 0; i < 33; i++) {
        memcpy(keys + i * sizeof(KEY_A), KEY_A, sizeof(KEY_A));
        keys[(i + 1) * sizeof(KEY_A) - 1] = i < 32 ? ',' : '\0';
    }
    assert_int_equal(secret_ring_new(keys, &ring, NULL), ERR_CONFIG);
    assert_null(ring);
}

static void test_secret_over_its_cap_is_refused(void **state)
{
    struct secret_ring *ring = new_ring(KEY_A);
    char *plain = malloc(SECRET_PLAIN_CAP_OCTETS + 2), *back = NULL;
    struct sealed s = {0};

    (void)state;
    assert_non_null(plain);
    memset(plain, 'p', SECRET_PLAIN_CAP_OCTETS + 1);
    plain[SECRET_PLAIN_CAP_OCTETS + 1] = '\0';
    assert_int_equal(secret_seal(ring, "x", plain, &s, NULL), ERR_INPUT);
    assert_null(s.octets);
    plain[SECRET_PLAIN_CAP_OCTETS] = '\0';
    assert_int_equal(secret_seal(ring, "x", plain, &s, NULL), ERR_OK);
    assert_int_equal(secret_open(ring, "x", s.key_id, s.octets, s.len, &back, NULL), ERR_OK);
    assert_string_equal(back, plain);
    secret_wipe_free(back);
    sealed_clear(&s);
    free(plain);
    secret_ring_free(ring);
}

static void test_no_two_lists_of_parts_make_the_same_context(void **state)
{
    char a[SECRET_CONTEXT_OCTETS], b[SECRET_CONTEXT_OCTETS], id[256];

    (void)state;
    secret_context(a, (const char *const[]){"account", "acme", "main", "password", NULL});
    assert_string_equal(a, "account/acme/main/password");
    secret_context(a, (const char *const[]){"account", "a/b", "c", NULL});
    secret_context(b, (const char *const[]){"account", "a", "b/c", NULL});
    assert_string_equal(a, "account/a%2Fb/c");
    assert_string_equal(b, "account/a/b%2Fc");
    secret_context(a, (const char *const[]){"account", "a%2Fb", NULL});
    assert_string_equal(a, "account/a%252Fb");
    memset(id, '/', sizeof(id) - 1); /* the longest ids there are, at their worst */
    id[sizeof(id) - 1] = '\0';
    secret_context(a, (const char *const[]){"account", id, id, "imap_password", NULL});
    assert_int_equal(strlen(a), strlen("account///imap_password") + 2 * 3 * 255);
}

static void test_nothing_can_be_freed_and_cleared(void **state)
{
    struct sealed s = {0};

    (void)state;
    secret_ring_free(NULL);
    secret_wipe_free(NULL);
    sealed_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_comes_back_under_the_same_context),
        cmocka_unit_test(test_opens_what_another_aes_256_gcm_sealed),
        cmocka_unit_test(test_same_secret_never_looks_the_same_twice),
        cmocka_unit_test(test_sealed_value_does_not_open_in_another_row),
        cmocka_unit_test(test_any_changed_bit_is_noticed),
        cmocka_unit_test(test_first_key_seals_and_all_keys_open),
        cmocka_unit_test(test_empty_ring_seals_and_opens_nothing_and_says_how_to_make_a_key),
        cmocka_unit_test(test_bad_key_is_named_by_its_number_and_never_shown),
        cmocka_unit_test(test_more_keys_than_any_rotation_needs_are_refused),
        cmocka_unit_test(test_secret_over_its_cap_is_refused),
        cmocka_unit_test(test_no_two_lists_of_parts_make_the_same_context),
        cmocka_unit_test(test_nothing_can_be_freed_and_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
