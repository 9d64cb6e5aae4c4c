/*
 * test_certificate.c - common/certificate: what is taken for certificates and pins, and what is not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/certificate.h"

enum { TEST_PEM_OCTETS = 8192 };

/* A certificate and its key, made once; PEM with NULs. */
struct test_pair {
    char certificate[TEST_PEM_OCTETS], key[TEST_PEM_OCTETS];
    char encrypted[TEST_PEM_OCTETS], encrypted_old[TEST_PEM_OCTETS]; /* the key, by "word" */
    char other_certificate[TEST_PEM_OCTETS], other_key[TEST_PEM_OCTETS];
};
static const int64_t test_end_s = 4102444800; /* 2100-01-01, of the first certificate */

static void test_take_pem(BIO *bio, char ret[TEST_PEM_OCTETS])
{
    int n = BIO_read(bio, ret, TEST_PEM_OCTETS - 1);

    assert_true(n > 0);
    ret[n] = '\0';
    BIO_free(bio);
}

static EVP_PKEY *test_make(int64_t end_s, char certificate[TEST_PEM_OCTETS],
                           char key_pem[TEST_PEM_OCTETS])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    assert_non_null(key);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), end_s));
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
    test_take_pem(bio, certificate);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    test_take_pem(bio, key_pem);
    X509_free(x509);
    return key;
}

static int test_make_pair(void **state)
{
    static unsigned char word[] = "word";
    struct test_pair *pair = calloc(1, sizeof(*pair));
    EVP_PKEY *key;
    BIO *bio;

    assert_non_null(pair);
    EVP_PKEY_free(test_make(1, pair->other_certificate, pair->other_key));
    key = test_make(test_end_s, pair->certificate, pair->key);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), (char *)word, 4, NULL, NULL), 1);
    test_take_pem(bio, pair->encrypted);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PrivateKey_traditional(bio, key, EVP_aes_256_cbc(), word, 4, NULL, NULL), 1);
    test_take_pem(bio, pair->encrypted_old);
    EVP_PKEY_free(key);
    *state = pair;
    return 0;
}

static int test_free_pair(void **state)
{
    free(*state);
    return 0;
}

static const char *test_check(const char *a, const char *b, const char *c)
{
    char text[3 * TEST_PEM_OCTETS];

    snprintf(text, sizeof(text), "%s%s%s", a, b, c);
    return certificate_check(text);
}

static void test_certificates_are_taken_with_text_around_them(void **state)
{
    const struct test_pair *pair = *state;

    assert_null(test_check(pair->certificate, "", ""));
    assert_null(test_check("The CA of the house\n", pair->certificate, "\nand the end\n"));
    assert_null(test_check(pair->certificate, "\n\n", pair->certificate));
}

static void test_what_is_no_certificate_is_refused(void **state)
{
    const struct test_pair *pair = *state;
    char half[TEST_PEM_OCTETS];

    assert_string_equal(certificate_check(""), "is not a certificate in PEM");
    assert_string_equal(certificate_check("no certificate"), "is not a certificate in PEM");
    assert_string_equal(certificate_check("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                          "-----END CERTIFICATE-----\n"),
                        "holds a certificate that cannot be read");
    assert_string_equal(certificate_check("-----BEGIN X509 CRL-----\nAAAA\n"
                                          "-----END X509 CRL-----\n"),
                        "holds something that is not a certificate");
    snprintf(half, sizeof(half), "%.*s", (int)strlen(pair->certificate) / 2, pair->certificate);
    assert_string_equal(certificate_check(half), "is not a certificate in PEM");
    assert_string_equal(test_check(pair->certificate, half, ""), "is not a certificate in PEM");
}

static void test_a_private_key_is_refused(void **state)
{
    const struct test_pair *pair = *state;

    assert_string_equal(certificate_check(pair->key), "holds a private key");
    assert_string_equal(test_check(pair->certificate, pair->key, ""), "holds a private key");
    /* An indented block is text to OpenSSL, and would be shown with the certificates. */
    assert_string_equal(test_check(pair->certificate, "  ", pair->key), "holds a private key");
}

static void test_a_key_is_taken_where_no_passphrase_is_needed(void **state)
{
    const struct test_pair *pair = *state;
    char half[TEST_PEM_OCTETS];

    assert_null(certificate_check_key(pair->key));
    snprintf(half, sizeof(half), "Text before it\n%.4000s%.4000s", pair->certificate, pair->key);
    assert_null(certificate_check_key(half));
    assert_string_equal(certificate_check_key(pair->encrypted),
                        "is encrypted: give the private key without a passphrase");
    assert_string_equal(certificate_check_key(pair->encrypted_old),
                        "is encrypted: give the private key without a passphrase");
    assert_string_equal(certificate_check_key(""), "is not a private key in PEM");
    assert_string_equal(certificate_check_key(pair->certificate), "is not a private key in PEM");
    assert_string_equal(certificate_check_key("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                                              "-----END PRIVATE KEY-----\n"),
                        "is not a private key in PEM");
    snprintf(half, sizeof(half), "%.*s", (int)strlen(pair->key) / 2, pair->key);
    assert_string_equal(certificate_check_key(half), "is not a private key in PEM");
}

static void test_a_key_belongs_to_the_first_certificate(void **state)
{
    const struct test_pair *pair = *state;
    const char *mine = pair->certificate, *other = pair->other_certificate;
    const struct {
        const char *first, *second;
        enum certificate_pair mine, other;
    } cases[] = {
        {mine, "", CERTIFICATE_PAIR_FITS, CERTIFICATE_PAIR_STRANGE},
        {mine, other, CERTIFICATE_PAIR_FITS, CERTIFICATE_PAIR_ORDER},
        {other, mine, CERTIFICATE_PAIR_ORDER, CERTIFICATE_PAIR_FITS},
        {other, other, CERTIFICATE_PAIR_STRANGE, CERTIFICATE_PAIR_FITS},
        {"", "", CERTIFICATE_PAIR_STRANGE, CERTIFICATE_PAIR_STRANGE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char chain[2 * TEST_PEM_OCTETS];

        snprintf(chain, sizeof(chain), "%s%s", cases[i].first, cases[i].second);
        assert_int_equal(certificate_check_pair(chain, pair->key), cases[i].mine);
        assert_int_equal(certificate_check_pair(chain, pair->other_key), cases[i].other);
        assert_int_equal(certificate_check_pair(chain, pair->encrypted), CERTIFICATE_PAIR_STRANGE);
    }
}

static void test_the_end_is_that_of_the_first_certificate(void **state)
{
    const struct test_pair *pair = *state;
    char chain[2 * TEST_PEM_OCTETS];
    int64_t end_s = 5;

    assert_false(certificate_read_end(pair->key, &end_s));
    assert_int_equal(end_s, 5);
    snprintf(chain, sizeof(chain), "%s%s", pair->certificate, pair->other_certificate);
    assert_true(certificate_read_end(chain, &end_s));
    assert_true(end_s == test_end_s);
    assert_true(certificate_read_end(pair->other_certificate, &end_s));
    assert_true(end_s == 1);
}

static void test_pins_come_out_in_the_form_of_curl(void **state)
{
#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define BASE64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
    static const char *const good[] = {
        "sha256//" BASE64 "=",
        "sha256//" BASE64,
        BASE64 "=",
        BASE64,
        HEX,
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "e3:b0:c4:42:98:fc:1c:14:9a:fb:f4:c8:99:6f:b9:24:27:ae:41:e4:64:9b:93:4c:a4:95:99:1b:78:52:"
        "b8:55"};
    static const char *const bad[] = {"",
                                      "sha256//",
                                      "sha256//" HEX,
                                      "sha256//" BASE64 "==",
                                      "sha256//" BASE64 "=;sha256//" BASE64 "=",
                                      "SHA256//" BASE64 "=",
                                      "sha1//" BASE64 "=",
                                      "md5//abc",
                                      HEX "0",
                                      HEX ":",
                                      ":" HEX,
                                      "sha256// " BASE64,
                                      "/etc/passwd",
                                      "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu\n="};
    char pin[CERTIFICATE_PIN_OCTETS];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(certificate_read_pin(good[i], pin));
        assert_string_equal(pin, "sha256//" BASE64 "=");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (certificate_read_pin(bad[i], pin))
            fail_msg("%s is taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_are_taken_with_text_around_them),
        cmocka_unit_test(test_what_is_no_certificate_is_refused),
        cmocka_unit_test(test_a_private_key_is_refused),
        cmocka_unit_test(test_a_key_is_taken_where_no_passphrase_is_needed),
        cmocka_unit_test(test_a_key_belongs_to_the_first_certificate),
        cmocka_unit_test(test_the_end_is_that_of_the_first_certificate),
        cmocka_unit_test(test_pins_come_out_in_the_form_of_curl),
    };
    return cmocka_run_group_tests(tests, test_make_pair, test_free_pair);
}
