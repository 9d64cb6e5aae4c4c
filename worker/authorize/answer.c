#include "worker/authorize/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "common/secret.h"
#include "common/token.h"
#include "common/utf8.h"

void answer_clear(struct answer *answer)
{
    secret_wipe_free(answer->access_token);
    secret_wipe_free(answer->refresh_token);
    *answer = (struct answer){0};
}

/* Append as much of `text` as has room, printable: it goes into logs, reasons and reports. */
static void answer_append_words(char *ret, size_t octets, const char *text)
{
    size_t at = strlen(ret);

    while (*text) {
        size_t n = utf8_octets(text);

        if (at + (n ? n : 1) >= octets)
            break;
        if (n == 0 || (n == 1 && ((unsigned char)*text < ' ' || *text == 0x7f))) {
            ret[at++] = ' ';
            n = 1;
        } else {
            memcpy(ret + at, text, n);
            at += n;
        }
        text += n;
    }
    ret[at] = '\0';
}

/* A token as RFC 6749 appendix A.12 has it; beyond that it could end a field of a SASL message. */
static bool answer_is_token(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
            return false;
    return n > 0 && n <= ANSWER_TOKEN_OCTETS_MAX;
}

static const char *answer_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(json_get(object, name));

    return text ? text : "";
}

/* cJSON frees its strings as they are. */
static void answer_wipe_json(cJSON *object)
{
    cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        if (cJSON_IsString(item)) {
            secret_wipe_free(item->valuestring);
            item->valuestring = NULL;
        }
    }
    cJSON_Delete(object);
}

static enum err answer_copy(const char *text, char **ret, struct error *err)
{
    *ret = strdup(text);
    return *ret ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for an access token");
}

/* 4xx is the request's fault, but for those that ask for patience (RFC 9110, RFC 6585). */
static bool answer_is_permanent(long status)
{
    return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

/* Overwrite what the endpoint quotes of it. */
static void answer_hide(const cJSON *object, const char *name, const char *secret)
{
    char *at = cJSON_GetStringValue(json_get(object, name));
    size_t n = strlen(secret);

    while (n && at && (at = strstr(at, secret))) {
        memset(at, '*', n);
        at += n;
    }
}

static void answer_read_refusal(long status, const cJSON *object, const char *const *secrets,
                                struct answer *ret)
{
    const char *error = answer_text(object, "error");
    const char *description = answer_text(object, "error_description");

    for (; *secrets; secrets++) {
        answer_hide(object, "error", *secrets);
        answer_hide(object, "error_description", *secrets);
    }
    ret->permanent = answer_is_permanent(status);
    snprintf(ret->why, sizeof(ret->why), "answered %ld", status);
    if (*error) {
        answer_append_words(ret->why, sizeof(ret->why), " ");
        answer_append_words(ret->why, sizeof(ret->why), error);
    }
    if (*description) {
        answer_append_words(ret->why, sizeof(ret->why), ": ");
        answer_append_words(ret->why, sizeof(ret->why), description);
    }
}

static enum err answer_read_token(const cJSON *object, struct answer *ret, struct error *err)
{
    const char *access_token = answer_text(object, "access_token");
    const char *refresh_token = answer_text(object, "refresh_token");
    const char *type = answer_text(object, "token_type");
    int64_t expires_s = 0;
    enum err rc;

    if (!answer_is_token(access_token)) {
        snprintf(ret->why, sizeof(ret->why), "answered 200 without %s access_token",
                 *access_token ? "a usable" : "an");
        return ERR_OK;
    }
    if (*type && strcasecmp(type, "bearer") != 0) {
        ret->permanent = true;
        snprintf(ret->why, sizeof(ret->why), "gave a token that is no bearer token");
        return ERR_OK;
    }
    if (json_to_int(json_get_value(object, "expires_in"), &expires_s) && expires_s > 0)
        ret->expires_s =
            expires_s < ANSWER_LIFE_MAX_S ? (int32_t)expires_s : (int32_t)ANSWER_LIFE_MAX_S;
    rc = answer_copy(access_token, &ret->access_token, err);
    if (!rc && *refresh_token && strlen(refresh_token) <= ANSWER_REFRESH_OCTETS_MAX &&
        !json_check_text(refresh_token))
        rc = answer_copy(refresh_token, &ret->refresh_token, err);
    return rc;
}

enum err answer_read(long status, const char *body, size_t octets, const char *const *secrets,
                     struct answer *ret, struct error *err)
{
    struct json_syntax_error syntax;
    struct answer answer = {0};
    cJSON *object = NULL;
    enum err rc = ERR_OK;

    if (body && json_parse(body, octets, &object, &syntax, err) == ERR_NOMEM)
        return ERR_NOMEM;
    if (status != 200)
        answer_read_refusal(status, object, secrets, &answer);
    else if (!cJSON_IsObject(object))
        snprintf(answer.why, sizeof(answer.why), "answered 200 without a JSON object");
    else
        rc = answer_read_token(object, &answer, err);
    answer_wipe_json(object);
    if (rc)
        answer_clear(&answer);
    else
        *ret = answer;
    return rc;
}

void answer_read_challenge(const char *base64, char *ret, size_t octets)
{
    struct json_syntax_error syntax;
    unsigned char *text = NULL;
    cJSON *object = NULL;
    size_t n = 0;

    ret[0] = '\0';
    if (token_base64_decode(base64, strlen(base64), &text, &n, NULL))
        return;
    if (!json_parse((const char *)text, n, &object, &syntax, NULL) &&
        *answer_text(object, "status")) {
        answer_append_words(ret, octets, "status ");
        answer_append_words(ret, octets, answer_text(object, "status"));
    }
    cJSON_Delete(object);
    free(text);
}
