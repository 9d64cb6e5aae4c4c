#include "common/secret.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"

enum {
    SECRET_NONCE_OCTETS = 12, /* what NIST SP 800-38D 5.2.1.1 recommends for GCM */
    SECRET_TAG_OCTETS = 16,
    SECRET_FRAME_OCTETS = SECRET_NONCE_OCTETS + SECRET_TAG_OCTETS,
    SECRET_KEYS_MAX = 32, /* far more than a rotation needs */
};

#define SECRET_HOW_TO_MAKE_A_KEY "make one with: openssl rand -base64 32"

struct secret_key {
    unsigned char octets[SECRET_KEY_OCTETS];
    char id[SECRET_KEY_ID_OCTETS];
};

struct secret_ring {
    size_t count;
    struct secret_key keys[SECRET_KEYS_MAX];
};

void secret_context(char ret[SECRET_CONTEXT_OCTETS], const char *const *parts)
{
    size_t n = 0;

    for (size_t i = 0; parts[i]; i++) {
        if (i)
            ret[n++] = '/';
        for (const char *p = parts[i]; *p; p++) {
            assert(n + sizeof("%2F/") < SECRET_CONTEXT_OCTETS);
            if (*p == '/' || *p == '%')
                n += (size_t)snprintf(ret + n, sizeof("%2F"), "%%%02X", (unsigned)*p);
            else
                ret[n++] = *p;
        }
    }
    ret[n] = '\0';
}

/* The id tells nothing of use about the key: 32 bits of a hash of 256 random ones. */
static enum err secret_name_key(struct secret_key *key, struct error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(key->octets, sizeof(key->octets), hash, NULL, EVP_sha256(), NULL) != 1)
        return error_set(err, ERR_NOMEM, "out of memory for an encryption key");
    snprintf(key->id, sizeof(key->id), "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
    return ERR_OK;
}

static enum err secret_ring_add(struct secret_ring *ring, const char *text, size_t n,
                                struct error *err)
{
    struct secret_key *key = &ring->keys[ring->count];
    unsigned char *octets = NULL;
    size_t len = 0;
    enum err rc;

    if (ring->count == SECRET_KEYS_MAX)
        return error_set(err, ERR_CONFIG, "MAIL_PROXY_ENCRYPTION_KEY has more than %d keys",
                         SECRET_KEYS_MAX);
    rc = token_base64_decode(text, n, &octets, &len, err);
    if (rc == ERR_NOMEM)
        goto out;
    if (rc || len != SECRET_KEY_OCTETS) {
        rc = error_set(err, ERR_CONFIG,
                       "MAIL_PROXY_ENCRYPTION_KEY: key %zu is not base64 of %d octets; %s",
                       ring->count + 1, SECRET_KEY_OCTETS, SECRET_HOW_TO_MAKE_A_KEY);
        goto out;
    }
    memcpy(key->octets, octets, SECRET_KEY_OCTETS);
    rc = secret_name_key(key, err);
    if (rc == ERR_OK)
        ring->count++;
out:
    if (octets)
        OPENSSL_cleanse(octets, len);
    free(octets);
    return rc;
}

enum err secret_ring_new(const char *keys_base64, struct secret_ring **ret, struct error *err)
{
    const char *text = keys_base64 ? keys_base64 : "";
    struct secret_ring *ring = calloc(1, sizeof(*ring));
    enum err rc = ERR_OK;

    if (!ring)
        return error_set(err, ERR_NOMEM, "out of memory for encryption keys");
    text += strspn(text, " \t\r\n");
    while (*text) {
        size_t n = strcspn(text, ",");

        rc = secret_ring_add(ring, text, n, err);
        if (rc)
            goto out;
        text += n + (text[n] == ',');
    }
    *ret = ring;
    ring = NULL;
out:
    secret_ring_free(ring);
    return rc;
}

void secret_ring_free(struct secret_ring *ring)
{
    if (ring)
        OPENSSL_cleanse(ring, sizeof(*ring));
    free(ring);
}

void sealed_clear(struct sealed *s)
{
    free(s->octets);
    *s = (struct sealed){0};
}

/*
 * AES-256-GCM of n octets in either direction; the tag is written when sealing, and must match when
 * opening. A failure empties OpenSSL's error queue of this thread: libpq and libcurl would take
 * what is left there for theirs.
 */
static bool secret_run(const struct secret_key *key, bool seal, const unsigned char *nonce,
                       const char *context, const unsigned char *in, size_t n, unsigned char *out,
                       unsigned char *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const unsigned char *aad = (const unsigned char *)context;
    int written = 0;
    bool ok;

    ok = ctx &&
         EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->octets, nonce, seal ? 1 : 0) == 1 &&
         EVP_CipherUpdate(ctx, NULL, &written, aad, (int)strlen(context)) == 1 &&
         EVP_CipherUpdate(ctx, out, &written, in, (int)n) == 1 &&
         (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SECRET_TAG_OCTETS, tag) == 1) &&
         EVP_CipherFinal_ex(ctx, out + n, &written) == 1 &&
         (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SECRET_TAG_OCTETS, tag) == 1);
    if (!ok)
        ERR_clear_error();
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

enum err secret_seal(const struct secret_ring *ring, const char *context, const char *plain,
                     struct sealed *ret, struct error *err)
{
    size_t n = strlen(plain);
    struct sealed sealed = {0};
    unsigned char *nonce, *body;
    enum err rc = ERR_OK;

    if (!ring || ring->count == 0)
        return error_set(err, ERR_SECRET, "no MAIL_PROXY_ENCRYPTION_KEY to store a secret with; %s",
                         SECRET_HOW_TO_MAKE_A_KEY);
    if (n > SECRET_PLAIN_CAP_OCTETS)
        return error_set(err, ERR_INPUT, "a secret is longer than %d octets",
                         SECRET_PLAIN_CAP_OCTETS);
    sealed.len = n + SECRET_FRAME_OCTETS;
    sealed.octets = malloc(sealed.len);
    if (!sealed.octets)
        return error_set(err, ERR_NOMEM, "out of memory for a secret");
    nonce = sealed.octets;
    body = nonce + SECRET_NONCE_OCTETS;
    if (RAND_bytes(nonce, SECRET_NONCE_OCTETS) != 1 ||
        !secret_run(&ring->keys[0], true, nonce, context, (const unsigned char *)plain, n, body,
                    body + n)) {
        ERR_clear_error();
        rc = error_set(err, ERR_SECRET, "cannot encrypt a secret: OpenSSL failed");
        goto out;
    }
    memcpy(sealed.key_id, ring->keys[0].id, sizeof(sealed.key_id));
    *ret = sealed;
    sealed = (struct sealed){0};
out:
    sealed_clear(&sealed);
    return rc;
}

static enum err secret_report_no_key(const struct secret_ring *ring, const char *context,
                                     const char *key_id, struct error *err)
{
    if (ring->count == 0)
        return error_set(err, ERR_SECRET,
                         "no MAIL_PROXY_ENCRYPTION_KEY to open %s with: set the key %.8s; if it is "
                         "lost, %s, and store the secret again",
                         context, key_id, SECRET_HOW_TO_MAKE_A_KEY);
    return error_set(err, ERR_SECRET,
                     "MAIL_PROXY_ENCRYPTION_KEY lacks the key %.8s, which sealed %s: add it behind "
                     "the others",
                     key_id, context);
}

enum err secret_open(const struct secret_ring *ring, const char *context, const char *key_id,
                     const unsigned char *octets, size_t len, char **ret, struct error *err)
{
    unsigned char tag[SECRET_TAG_OCTETS];
    const struct secret_key *key = NULL;
    char *plain = NULL;
    size_t n;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < ring->count && !key; i++)
        if (strcmp(ring->keys[i].id, key_id) == 0)
            key = &ring->keys[i];
    if (!key)
        return secret_report_no_key(ring, context, key_id, err);
    if (len < SECRET_FRAME_OCTETS || len - SECRET_FRAME_OCTETS > SECRET_PLAIN_CAP_OCTETS)
        return error_set(err, ERR_SECRET, "the sealed %s has an impossible length", context);
    n = len - SECRET_FRAME_OCTETS;
    plain = malloc(n + 1);
    if (!plain)
        return error_set(err, ERR_NOMEM, "out of memory for a secret");
    plain[n] = '\0';
    memcpy(tag, octets + SECRET_NONCE_OCTETS + n, sizeof(tag));
    if (!secret_run(key, false, octets, context, octets + SECRET_NONCE_OCTETS, n,
                    (unsigned char *)plain, tag)) {
        OPENSSL_cleanse(plain, n); /* GCM hands out octets before it has checked them */
        rc = error_set(err, ERR_SECRET, "the sealed %s was tampered with or moved", context);
        goto out;
    }
    *ret = plain;
    plain = NULL;
out:
    free(plain);
    return rc;
}

void secret_wipe_free(char *plain)
{
    if (plain)
        OPENSSL_cleanse(plain, strlen(plain));
    free(plain);
}
