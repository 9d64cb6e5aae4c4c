/*
 * token.h - random tokens, their hashes, and comparing without telling by the time it takes.
 */
#ifndef COMMON_TOKEN_H
#define COMMON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum { TOKEN_TEXT_OCTETS = 44, TOKEN_HASH_OCTETS = 32, TOKEN_ID_OCTETS = 23 };

/* 32 random octets as base64url without padding: 43 characters and a NUL. */
enum err token_make(char ret[TOKEN_TEXT_OCTETS], struct error *err) MUST_CHECK;
/* 22 random base-62 characters and a NUL: ids that people may see (Message-ID). */
enum err token_make_id(char ret[TOKEN_ID_OCTETS], struct error *err) MUST_CHECK;
/* SHA-256 of the token's characters. */
enum err token_hash(const char *token, unsigned char ret[TOKEN_HASH_OCTETS],
                    struct error *err) MUST_CHECK;
/* HMAC-SHA-256 (RFC 2104) of n octets. */
enum err token_hmac(const void *key, size_t key_octets, const void *octets, size_t n,
                    unsigned char ret[TOKEN_HASH_OCTETS], struct error *err) MUST_CHECK;
/* Equal? In time that depends on the lengths only. NULL equals nothing. */
bool token_equal(const char *a, const char *b);

/* Base64 (RFC 4648) of n octets; owned, NUL-terminated. */
enum err token_base64(const void *octets, size_t n, char **ret, struct error *err) MUST_CHECK;
/*
 * Decode base64 as clients send it: surrounding and inner white space ignored, padding optional.
 * ERR_INPUT when it is not base64. *ret owned, followed by a NUL that is not counted.
 */
enum err token_base64_decode(const char *text, size_t n, unsigned char **ret, size_t *retlen,
                             struct error *err) MUST_CHECK;

#endif
