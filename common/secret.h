/*
 * secret.h - seal small secrets with AES-256-GCM.
 *
 * A sealed value is 12 octets nonce, ciphertext, 16 octets tag. The `context` (such as
 * "account/acme/main/password") is authenticated with it, so a sealed value copied to another row
 * does not open there. Which key sealed it is told by the key id: the first 8 hexadecimal digits of
 * the key's SHA-256. The first key of the ring seals; all open.
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <stddef.h>

#include "common/error.h"

enum { SECRET_KEY_OCTETS = 32, SECRET_KEY_ID_OCTETS = 9, SECRET_PLAIN_CAP_OCTETS = 65536 };

/* Two ids of 255 octets, each of them escaped, and the words around them. */
enum { SECRET_CONTEXT_OCTETS = 2048 };
/*
 * Join words and ids with slashes, up to a NULL: {"account", "acme", "a/b", "password", NULL} gives
 * "account/acme/a%2Fb/password". Slashes and percent signs within a part are escaped (RFC 3986
 * section 2.1), so that no two lists of parts make the same context.
 */
void secret_context(char ret[SECRET_CONTEXT_OCTETS], const char *const *parts);

struct secret_ring; /* immutable after secret_ring_new(); threads may share it */

/*
 * Parse base64 keys of 32 octets, comma-separated, newest first; white space around them is
 * ignored. NULL or empty text makes an empty ring, which can neither seal nor open: both say how to
 * make a key. ERR_CONFIG names the entry that is wrong, never its value.
 */
enum err secret_ring_new(const char *keys_base64, struct secret_ring **ret,
                         struct error *err) MUST_CHECK;
void secret_ring_free(struct secret_ring *ring); /* wipes the keys; NULL is fine */

struct sealed {
    unsigned char *octets; /* owned */
    size_t len;
    char key_id[SECRET_KEY_ID_OCTETS];
};
void sealed_clear(struct sealed *s);

/* A NULL ring is an empty one. ERR_SECRET: no key. ERR_INPUT: longer than SECRET_PLAIN_CAP_OCTETS.
 */
enum err secret_seal(const struct secret_ring *ring, const char *context, const char *plain,
                     struct sealed *ret, struct error *err) MUST_CHECK;
/* *ret: NUL-terminated, owned; wipe it with secret_wipe_free(). ERR_SECRET: unknown key, wrong
 * context or tampered. */
enum err secret_open(const struct secret_ring *ring, const char *context, const char *key_id,
                     const unsigned char *octets, size_t len, char **ret,
                     struct error *err) MUST_CHECK;
void secret_wipe_free(char *plain); /* NULL is fine */

#endif
