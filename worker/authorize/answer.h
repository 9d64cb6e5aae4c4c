/*
 * answer.h - what a token endpoint answered (RFC 6749 section 5), and what a relay says of a token
 * it refuses (RFC 7628 section 3.2.2).
 *
 * Pure: foreign JSON in, a checked token or a line for people out.
 */
#ifndef WORKER_AUTHORIZE_ANSWER_H
#define WORKER_AUTHORIZE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
    ANSWER_CAP_OCTETS = 64 * 1024, /* an access token for mail has some 2 KiB */
    ANSWER_TOKEN_OCTETS_MAX = 16 * 1024,
    ANSWER_REFRESH_OCTETS_MAX = 8 * 1024, /* two of them are sealed together */
    ANSWER_WHY_OCTETS = 300,
    ANSWER_LIFE_MAX_S = 10 * 366 * 24 * 3600,
};

struct answer {
    char *access_token;          /* owned; NULL: none was given */
    char *refresh_token;         /* owned; NULL: the one there was stays */
    int32_t expires_s;           /* 0: not said */
    bool permanent;              /* no access_token: asking the same again will not help */
    char why[ANSWER_WHY_OCTETS]; /* no access_token: "answered 400 invalid_grant: ...", printable */
};

void answer_clear(struct answer *answer); /* wipes; a zeroed one is fine */

/*
 * `body` may be NULL. `secrets`, NULL at the end, are what the endpoint was sent and may quote:
 * they do not get into answer.why. ERR_NOMEM; all else is told in *ret.
 */
enum err answer_read(long status, const char *body, size_t octets, const char *const *secrets,
                     struct answer *ret, struct error *err) MUST_CHECK;

/* The base64 of a relay's 334 to a token it refuses, as a few words: "status 401"; "" when it is no
 * such thing. */
void answer_read_challenge(const char *base64, char *ret, size_t octets);

#endif
