/*
 * certificate.c - PEM by OpenSSL, pins by hand. See certificate.h.
 */
#include "common/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"

#define CERTIFICATE_PIN_PREFIX "sha256//"

/* One block of a PEM text, decoded: a certificate, and nothing behind it? */
static const char *certificate_check_block(const char *name, const unsigned char *der, long len)
{
    const unsigned char *at = der;
    X509 *x509;

    if (strcmp(name, PEM_STRING_X509) != 0)
        return "holds something that is not a certificate";
    x509 = d2i_X509(NULL, &at, len);
    X509_free(x509);
    return x509 && at == der + len ? NULL : "holds a certificate that cannot be read";
}

const char *certificate_check(const char *pem)
{
    BIO *bio;
    const char *why;
    unsigned long code;
    int count = 0;

    /* Also where OpenSSL would pass over it, as in an indented block: the text is shown again. */
    if (strstr(pem, "PRIVATE KEY"))
        return "holds a private key";
    bio = BIO_new_mem_buf(pem, -1);
    why = bio ? NULL : "cannot be read";
    while (!why) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long len = 0;

        if (PEM_read_bio(bio, &name, &header, &der, &len) != 1)
            break;
        why = certificate_check_block(name, der, len);
        count++;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    /* The text ended between blocks, or within one? */
    code = ERR_peek_last_error();
    if (!why && (!count || ERR_GET_REASON(code) != PEM_R_NO_START_LINE))
        why = "is not a certificate in PEM";
    ERR_clear_error(); /* libpq would take what is left there for its own */
    BIO_free(bio);
    return why;
}

/* pem_password_cb: there is no passphrase, and nobody to be asked for one. */
static int certificate_no_passphrase(char *ret, int max, int is_write, void *arg)
{
    (void)ret;
    (void)max;
    (void)is_write;
    (void)arg;
    return -1;
}

static EVP_PKEY *certificate_read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, certificate_no_passphrase, NULL) : NULL;

    ERR_clear_error();
    BIO_free(bio);
    return key;
}

const char *certificate_check_key(const char *pem)
{
    EVP_PKEY *key = certificate_read_key(pem);
    bool found = key != NULL;

    EVP_PKEY_free(key);
    if (found)
        return NULL;
    /* RFC 7468 section 11, and RFC 1421 section 4.6.1.1 as OpenSSL writes it. */
    if (strstr(pem, "ENCRYPTED"))
        return "is encrypted: give the private key without a passphrase";
    return "is not a private key in PEM";
}

enum certificate_pair certificate_check_pair(const char *certificates, const char *key)
{
    enum certificate_pair pair = CERTIFICATE_PAIR_STRANGE;
    EVP_PKEY *pkey = certificate_read_key(key);
    BIO *bio = BIO_new_mem_buf(certificates, -1);

    for (int i = 0; bio && pkey && pair == CERTIFICATE_PAIR_STRANGE; i++) {
        X509 *x509 = PEM_read_bio_X509(bio, NULL, certificate_no_passphrase, NULL);

        if (!x509)
            break;
        if (X509_check_private_key(x509, pkey) == 1)
            pair = i ? CERTIFICATE_PAIR_ORDER : CERTIFICATE_PAIR_FITS;
        X509_free(x509);
    }
    ERR_clear_error();
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return pair;
}

bool certificate_read_end(const char *pem, int64_t *ret)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, certificate_no_passphrase, NULL) : NULL;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days, seconds;
    bool known =
        x509 && epoch && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(x509)) == 1;

    if (known)
        *ret = (int64_t)days * 86400 + seconds;
    ERR_clear_error();
    ASN1_TIME_free(epoch);
    X509_free(x509);
    BIO_free(bio);
    return known;
}

static int certificate_hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static bool certificate_read_hex(const char *text, unsigned char ret[TOKEN_HASH_OCTETS])
{
    for (size_t i = 0; i < TOKEN_HASH_OCTETS; i++) {
        int high, low;

        if (i && *text == ':')
            text++;
        high = certificate_hex(text[0]);
        low = high < 0 ? -1 : certificate_hex(text[1]);
        if (low < 0)
            return false;
        ret[i] = (unsigned char)(high << 4 | low);
        text += 2;
    }
    return *text == '\0';
}

static bool certificate_read_base64(const char *text, unsigned char ret[TOKEN_HASH_OCTETS])
{
    unsigned char *octets = NULL;
    size_t n = strlen(text), len = 0;
    bool fine;

    /* 32 octets are 43 characters and one of padding. */
    fine = (n == 43 || (n == 44 && text[43] == '=')) &&
           !token_base64_decode(text, n, &octets, &len, NULL) && len == TOKEN_HASH_OCTETS;
    if (fine)
        memcpy(ret, octets, TOKEN_HASH_OCTETS);
    free(octets);
    return fine;
}

bool certificate_read_pin(const char *text, char ret[CERTIFICATE_PIN_OCTETS])
{
    const size_t prefix = sizeof(CERTIFICATE_PIN_PREFIX) - 1;
    unsigned char hash[TOKEN_HASH_OCTETS];
    char *base64 = NULL;

    if (!strncmp(text, CERTIFICATE_PIN_PREFIX, prefix)) {
        if (!certificate_read_base64(text + prefix, hash))
            return false;
    } else if (!certificate_read_hex(text, hash) && !certificate_read_base64(text, hash)) {
        return false;
    }
    if (token_base64(hash, sizeof(hash), &base64, NULL))
        return false;
    snprintf(ret, CERTIFICATE_PIN_OCTETS, CERTIFICATE_PIN_PREFIX "%s", base64);
    free(base64);
    return true;
}
