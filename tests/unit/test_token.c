/* test_token.c - common/token.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"

#define BASE62 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static void test_token_is_43_characters_of_base64url(void **state)
{
    char a[TOKEN_TEXT_OCTETS], b[TOKEN_TEXT_OCTETS];

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(token_make(a, NULL), ERR_OK);
        assert_int_equal(token_make(b, NULL), ERR_OK);
        assert_int_equal(strlen(a), 43);
        assert_int_equal(strspn(a, BASE62 "-_"), 43);
        assert_string_not_equal(a, b);
    }
}

static void test_id_is_22_characters_of_base62(void **state)
{
    char a[TOKEN_ID_OCTETS], b[TOKEN_ID_OCTETS];

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(token_make_id(a, NULL), ERR_OK);
        assert_int_equal(token_make_id(b, NULL), ERR_OK);
        assert_int_equal(strlen(a), 22);
        assert_int_equal(strspn(a, BASE62), 22);
        assert_string_not_equal(a, b);
    }
}

/* The vectors of FIPS 180-2. */
static void test_hash_is_sha256_of_the_characters(void **state)
{
    static const unsigned char of_nothing[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                               0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                               0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                               0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    static const unsigned char of_abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                           0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                           0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                           0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    unsigned char hash[TOKEN_HASH_OCTETS];

    (void)state;
    assert_int_equal(token_hash("", hash, NULL), ERR_OK);
    assert_memory_equal(hash, of_nothing, sizeof(hash));
    assert_int_equal(token_hash("abc", hash, NULL), ERR_OK);
    assert_memory_equal(hash, of_abc, sizeof(hash));
}

static void test_tokens_are_equal_only_when_all_of_them_is(void **state)
{
    (void)state;
    assert_true(token_equal("secret", "secret"));
    assert_true(token_equal("", ""));
    assert_false(token_equal("secret", "secreT"));
    assert_false(token_equal("secret", "secre"));
    assert_false(token_equal("", "x"));
    assert_false(token_equal(NULL, ""));
    assert_false(token_equal("x", NULL));
    assert_false(token_equal(NULL, NULL));
}

/* The vectors of RFC 4648 section 10, and the two characters that differ from base64url. */
static void test_base64_there_and_back(void **state)
{
    static const struct {
        const char *octets;
        const char *text;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char *octets = NULL;
        char *text = NULL;
        size_t n = 99;

        assert_int_equal(token_base64(cases[i].octets, strlen(cases[i].octets), &text, NULL),
                         ERR_OK);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(token_base64_decode(text, strlen(text), &octets, &n, NULL), ERR_OK);
        assert_int_equal(n, strlen(cases[i].octets));
        assert_string_equal((char *)octets, cases[i].octets);
        free(octets);
        free(text);
    }
}

static void test_base64_of_every_octet_and_many_lengths_comes_back(void **state)
{
    unsigned char in[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t n = 0; n <= sizeof(in); n++) {
        unsigned char *octets = NULL;
        char *text = NULL;
        size_t len = 0;

        assert_int_equal(token_base64(in, n, &text, NULL), ERR_OK);
        assert_int_equal(strlen(text), (n + 2) / 3 * 4);
        assert_int_equal(token_base64_decode(text, strlen(text), &octets, &len, NULL), ERR_OK);
        assert_int_equal(len, n);
        assert_memory_equal(octets, in, n);
        assert_int_equal(octets[n], 0);
        free(octets);
        free(text);
    }
}

static void test_base64_decoding_takes_what_clients_send(void **state)
{
    static const struct {
        const char *text;
        const char *octets;
    } cases[] = {
        {"Zg", "f"},                      /* no padding */
        {"Zm8", "fo"},                    /* no padding */
        {" Zm9v\r\n Ym\tFy\n", "foobar"}, /* lines, as MIME breaks them */
        {"Zg=\n=\n", "f"},                /* a line break inside the padding */
        {"Zh==", "f"},                    /* bits that are left over are not zero */
        {"\v\f \n", ""},                  /* nothing but white space */
        {"PGI+aMOpPC9iPg==", "<b>h\xc3\xa9</b>"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char *octets = NULL;
        size_t n = 99;

        assert_int_equal(
            token_base64_decode(cases[i].text, strlen(cases[i].text), &octets, &n, NULL), ERR_OK);
        assert_int_equal(n, strlen(cases[i].octets));
        assert_string_equal((char *)octets, cases[i].octets);
        free(octets);
    }
}

static void test_base64_decoding_refuses_what_is_not_base64(void **state)
{
    static const char *const cases[] = {
        "Z",      /* six bits are no octet */
        "Zm9vZ",  /* nor are they at the end */
        "Zg=",    /* half the padding */
        "Zm9v=",  /* padding where none belongs */
        "Zg===",  /* too much */
        "=",      /* nothing but padding */
        "====",   /* nothing but padding */
        "Z=g=",   /* padding in the middle */
        "Zg==Zg", /* padding in the middle */
        "Zm9-",   /* base64url */
        "Zm9_",   /* base64url */
        "data:text/plain;base64,Zg==",
        "Zm9\xc3",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char *octets = NULL;
        struct error err;
        size_t n = 99;

        assert_int_equal(token_base64_decode(cases[i], strlen(cases[i]), &octets, &n, &err),
                         ERR_INPUT);
        assert_null(octets);
        assert_int_equal(n, 99);
        assert_int_equal(strncmp(err.text, "is not base64", 13), 0);
    }
}

static void test_nul_is_not_base64(void **state)
{
    unsigned char *octets = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(token_base64_decode("Zm9v\0Zm9v", 9, &octets, &n, NULL), ERR_INPUT);
    assert_null(octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_is_43_characters_of_base64url),
        cmocka_unit_test(test_id_is_22_characters_of_base62),
        cmocka_unit_test(test_hash_is_sha256_of_the_characters),
        cmocka_unit_test(test_tokens_are_equal_only_when_all_of_them_is),
        cmocka_unit_test(test_base64_there_and_back),
        cmocka_unit_test(test_base64_of_every_octet_and_many_lengths_comes_back),
        cmocka_unit_test(test_base64_decoding_takes_what_clients_send),
        cmocka_unit_test(test_base64_decoding_refuses_what_is_not_base64),
        cmocka_unit_test(test_nul_is_not_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
