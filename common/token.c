#include "common/token.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_RANDOM_OCTETS = 32 };

static const char TOKEN_BASE62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Value + 1 of each octet of the base64 alphabet (RFC 4648 section 4); 0: not in it. */
static const unsigned char TOKEN_BASE64_VALUE[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static enum err token_random(unsigned char *ret, size_t n, struct error *err)
{
    if (RAND_bytes(ret, (int)n) != 1)
        return error_set(err, ERR_IO, "the system gives no random octets");
    return ERR_OK;
}

enum err token_make(char ret[TOKEN_TEXT_OCTETS], struct error *err)
{
    unsigned char octets[TOKEN_RANDOM_OCTETS];
    unsigned char text[4 * ((TOKEN_RANDOM_OCTETS + 2) / 3) + 1];
    enum err rc = token_random(octets, sizeof(octets), err);

    if (rc)
        return rc;
    EVP_EncodeBlock(text, octets, sizeof(octets));
    for (size_t i = 0; i < TOKEN_TEXT_OCTETS - 1; i++)
        ret[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    ret[TOKEN_TEXT_OCTETS - 1] = '\0'; /* over the one padding character */
    OPENSSL_cleanse(octets, sizeof(octets));
    OPENSSL_cleanse(text, sizeof(text));
    return ERR_OK;
}

enum err token_make_id(char ret[TOKEN_ID_OCTETS], struct error *err)
{
    enum { FAIR_BELOW = 256 / 62 * 62 }; /* a remainder of the rest would favour the first digits */
    char id[TOKEN_ID_OCTETS] = "";
    size_t len = 0;

    while (len < TOKEN_ID_OCTETS - 1) {
        unsigned char octets[TOKEN_RANDOM_OCTETS];
        enum err rc = token_random(octets, sizeof(octets), err);

        if (rc)
            return rc;
        for (size_t i = 0; i < sizeof(octets) && len < TOKEN_ID_OCTETS - 1; i++)
            if (octets[i] < FAIR_BELOW)
                id[len++] = TOKEN_BASE62[octets[i] % 62];
    }
    memcpy(ret, id, sizeof(id));
    return ERR_OK;
}

enum err token_hash(const char *token, unsigned char ret[TOKEN_HASH_OCTETS], struct error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(token, strlen(token), hash, NULL, EVP_sha256(), NULL) != 1)
        return error_set(err, ERR_NOMEM, "SHA-256 failed");
    memcpy(ret, hash, TOKEN_HASH_OCTETS);
    return ERR_OK;
}

enum err token_hmac(const void *key, size_t key_octets, const void *octets, size_t n,
                    unsigned char ret[TOKEN_HASH_OCTETS], struct error *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];

    if (!HMAC(EVP_sha256(), key, (int)key_octets, octets, n, mac, NULL))
        return error_set(err, ERR_NOMEM, "HMAC-SHA-256 failed");
    memcpy(ret, mac, TOKEN_HASH_OCTETS);
    return ERR_OK;
}

bool token_equal(const char *a, const char *b)
{
    size_t n;

    if (!a || !b)
        return false;
    n = strlen(a);
    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}

enum err token_base64(const void *octets, size_t n, char **ret, struct error *err)
{
    char *text;

    if (n > INT_MAX / 4 * 3 - 3) /* the length of the text is an int in EVP_EncodeBlock() */
        return error_set(err, ERR_LIMIT, "too long for base64: %zu octets", n);
    text = malloc((n + 2) / 3 * 4 + 1);
    if (!text)
        return error_set(err, ERR_NOMEM, "out of memory for base64");
    EVP_EncodeBlock((unsigned char *)text, octets, (int)n);
    text[(n + 2) / 3 * 4] = '\0'; /* EVP_EncodeBlock() writes none when n is 0 */
    *ret = text;
    return ERR_OK;
}

static bool token_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Drop white space at the end and up to two padding characters; false when more, or too few, are
 * there. */
static bool token_trim_padding(const char *text, size_t *n, size_t *ret_padding)
{
    size_t padding = 0;

    while (*n > 0 && (token_is_space(text[*n - 1]) || text[*n - 1] == '=')) {
        padding += text[*n - 1] == '=';
        --*n;
    }
    *ret_padding = padding;
    return padding <= 2;
}

enum err token_base64_decode(const char *text, size_t n, unsigned char **ret, size_t *retlen,
                             struct error *err)
{
    unsigned char *octets = NULL;
    size_t len = 0, digits = 0, padding;
    uint32_t bits = 0;
    enum err rc = ERR_OK;

    if (!token_trim_padding(text, &n, &padding))
        return error_set(err, ERR_INPUT, "is not base64: wrong padding");
    octets =
        malloc(n / 4 * 3 + 4); /* up to two octets for the digits over a multiple of 4, a NUL */
    if (!octets)
        return error_set(err, ERR_NOMEM, "out of memory for base64");
    for (size_t i = 0; i < n; i++) {
        unsigned char value = TOKEN_BASE64_VALUE[(unsigned char)text[i]];

        if (value == 0) {
            if (token_is_space(text[i]))
                continue;
            rc = error_set(err, ERR_INPUT, "is not base64 at octet %zu", i);
            goto out;
        }
        bits = bits << 6 | (value - 1U);
        if (++digits % 4 == 0) {
            octets[len++] = (unsigned char)(bits >> 16);
            octets[len++] = (unsigned char)(bits >> 8);
            octets[len++] = (unsigned char)bits;
        }
    }
    if (digits % 4 == 1 || (padding && (digits + padding) % 4 != 0)) {
        rc = error_set(err, ERR_INPUT, "is not base64: it ends too early");
        goto out;
    }
    if (digits % 4 == 2)
        octets[len++] = (unsigned char)(bits >> 4);
    if (digits % 4 == 3) {
        octets[len++] = (unsigned char)(bits >> 10);
        octets[len++] = (unsigned char)(bits >> 2);
    }
    octets[len] = '\0';
    *ret = octets;
    *retlen = len;
    octets = NULL;
out:
    free(octets);
    return rc;
}
