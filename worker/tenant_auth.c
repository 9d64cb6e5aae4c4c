/*
 * tenant_auth.c - sealed JSON into credentials for a request. See tenant_auth.h.
 */
#include "worker/tenant_auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "common/token.h"

void tenant_auth_clear(struct tenant_auth *auth)
{
    for (size_t i = 0; i < sizeof(auth->copies) / sizeof(auth->copies[0]); i++)
        secret_wipe_free(auth->copies[i]);
    *auth = (struct tenant_auth){0};
}

static enum err tenant_auth_copy(const cJSON *object, const char *field, char **ret,
                                 struct error *err)
{
    const cJSON *value = json_get_value(object, field);

    if (!cJSON_IsString(value))
        return ERR_OK;
    *ret = strdup(value->valuestring);
    return *ret ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for credentials");
}

enum err tenant_auth_read(const cJSON *object, struct tenant_auth *ret, struct error *err)
{
    const cJSON *method = json_get_value(object, "method");
    const char *name = cJSON_IsString(method) ? method->valuestring : "none";
    struct tenant_auth auth = {0};
    enum err rc = tenant_auth_copy(object, "user", &auth.copies[0], err);

    if (!rc)
        rc = tenant_auth_copy(object, "password", &auth.copies[1], err);
    if (!rc)
        rc = tenant_auth_copy(object, "token", &auth.copies[2], err);
    if (rc) {
        tenant_auth_clear(&auth);
        return rc;
    }
    auth.http = (struct http_auth){
        .method = !strcasecmp(name, "basic")    ? HTTP_AUTH_BASIC
                  : !strcasecmp(name, "bearer") ? HTTP_AUTH_BEARER
                                                : HTTP_AUTH_NONE,
        .user = auth.copies[0],
        .password = auth.copies[1],
        .token = auth.copies[2],
    };
    *ret = auth;
    return ERR_OK;
}

enum err tenant_auth_open_text(const struct secret_ring *keys, const char *tenant_id,
                               const char *field, const char *key_id, const unsigned char *octets,
                               size_t len, char **ret, struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];

    secret_context(context, (const char *const[]){"tenant", tenant_id, field, NULL});
    return secret_open(keys, context, key_id, octets, len, ret, err);
}

static enum err tenant_auth_parse(const char *plain, struct tenant_auth *ret, struct error *err)
{
    struct json_syntax_error syntax;
    cJSON *object = NULL;
    enum err rc;

    if (json_parse(plain, strlen(plain), &object, &syntax, NULL))
        return error_set(err, ERR_INPUT, "the credentials are not JSON");
    rc = tenant_auth_read(object, ret, err);
    cJSON_Delete(object);
    return rc;
}

enum err tenant_auth_open(const struct secret_ring *keys, const char *tenant_id, const char *key_id,
                          const unsigned char *octets, size_t len, struct tenant_auth *ret,
                          struct error *err)
{
    char *plain = NULL;

    if (!octets) {
        *ret = (struct tenant_auth){0};
        return ERR_OK;
    }
    enum err rc =
        tenant_auth_open_text(keys, tenant_id, "client_auth", key_id, octets, len, &plain, err);
    if (!rc)
        rc = tenant_auth_parse(plain, ret, err);
    secret_wipe_free(plain);
    return rc;
}

enum err tenant_auth_open_own(const struct secret_ring *keys, const char *tenant_id,
                              const char *message_id, const cJSON *object, struct tenant_auth *ret,
                              struct error *err)
{
    const char *sealed = cJSON_GetStringValue(json_get(object, "sealed"));
    const char *key_id = cJSON_GetStringValue(json_get(object, "key_id"));
    char context[SECRET_CONTEXT_OCTETS];
    unsigned char *octets = NULL;
    char *plain = NULL;
    size_t len = 0;

    if (!sealed || !key_id)
        return tenant_auth_read(object, ret, err);
    secret_context(context, (const char *const[]){"message", tenant_id, message_id, "auth", NULL});
    enum err rc = token_base64_decode(sealed, strlen(sealed), &octets, &len, err);
    if (!rc)
        rc = secret_open(keys, context, key_id, octets, len, &plain, err);
    if (!rc)
        rc = tenant_auth_parse(plain, ret, err);
    free(octets);
    secret_wipe_free(plain);
    return rc;
}
