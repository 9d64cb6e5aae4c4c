/*
 * fuzz_answer.c - what a token endpoint may answer, and what a relay may say of a token.
 *
 * The first octet picks the status.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "worker/authorize/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void fuzz_answer_check_words(const char *words)
{
    assert(!utf8_check(words));
    for (const char *p = words; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void fuzz_answer_check(const struct answer *answer)
{
    if (!answer->access_token) {
        assert(answer->why[0] && !answer->refresh_token);
        fuzz_answer_check_words(answer->why);
        assert(!strstr(answer->why, "hush"));
        return;
    }
    assert(answer->expires_s >= 0 && answer->expires_s <= ANSWER_LIFE_MAX_S);
    assert(answer->access_token[0] && strlen(answer->access_token) <= ANSWER_TOKEN_OCTETS_MAX);
    for (const char *p = answer->access_token; *p; p++)
        assert(*p > ' ' && *p < 0x7f);
}

static void fuzz_answer_challenge(const uint8_t *octets, size_t n)
{
    char *text = malloc(n + 1), words[64];

    assert(text);
    memcpy(text, octets, n);
    text[n] = '\0';
    answer_read_challenge(text, words, sizeof(words));
    fuzz_answer_check_words(words);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    static const long statuses[] = {200, 200, 400, 401, 429, 503};
    static const char *const secrets[] = {"hush", NULL};
    struct answer answer = {0};

    if (n == 0)
        return 0;
    if (!answer_read(statuses[octets[0] % 6], (const char *)octets + 1, n - 1, secrets, &answer,
                     NULL))
        fuzz_answer_check(&answer);
    answer_clear(&answer);
    fuzz_answer_challenge(octets + 1, n - 1);
    return 0;
}
