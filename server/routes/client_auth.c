/*
 * client_auth.c - sealed, masked, merged. See client_auth.h.
 */
#include "server/routes/client_auth.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"

static void client_auth_context(const char *tenant_id, char ret[SECRET_CONTEXT_OCTETS])
{
    secret_context(ret, (const char *const[]){"tenant", tenant_id, "client_auth", NULL});
}

enum err client_auth_open(const struct secret_ring *keys, const char *tenant_id,
                          const PGresult *res, int row, int sealed_at, cJSON **ret,
                          struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];
    struct json_syntax_error syntax;
    unsigned char *octets = NULL;
    char *plain = NULL;
    size_t len = 0;
    enum err rc;

    if (db_is_null(res, row, sealed_at))
        return ERR_OK;
    client_auth_context(tenant_id, context);
    rc = db_octets(res, row, sealed_at, &octets, &len, err);
    if (!rc)
        rc = secret_open(keys, context, db_str(res, row, sealed_at + 1), octets, len, &plain, err);
    if (!rc)
        rc = json_parse(plain, strlen(plain), ret, &syntax, err);
    secret_wipe_free(plain);
    free(octets);
    return rc;
}

static bool client_auth_is_shown(const char *name)
{
    return !strcmp(name, "method") || !strcmp(name, "user");
}

enum err client_auth_seal(const struct secret_ring *keys, const char *tenant_id, const cJSON *given,
                          const cJSON *stored, struct sealed *ret, struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];
    struct buf plain = BUF_INIT(SECRET_PLAIN_CAP_OCTETS);
    const cJSON *item;
    enum err rc;

    buf_append_char(&plain, '{');
    cJSON_ArrayForEach(item, given)
    {
        const cJSON *value = item;

        if (!client_auth_is_shown(item->string) && cJSON_IsString(item) &&
            !strcmp(item->valuestring, CLIENT_AUTH_MASK)) {
            value = json_get(stored, item->string);
            if (!value) {
                rc = error_set(err, ERR_INPUT,
                               "client_auth.%.64s is \"" CLIENT_AUTH_MASK "\", but none is stored",
                               item->string);
                goto out;
            }
        }
        if (item != given->child)
            buf_append_char(&plain, ',');
        json_append_string(&plain, item->string);
        buf_append_char(&plain, ':');
        json_append_value(&plain, value);
    }
    buf_append_char(&plain, '}');
    if (plain.failed) {
        rc = error_set(err, ERR_INPUT, "client_auth is longer than %d octets",
                       SECRET_PLAIN_CAP_OCTETS);
        goto out;
    }
    client_auth_context(tenant_id, context);
    rc = secret_seal(keys, context, plain.data, ret, err);
out:
    buf_wipe(&plain);
    return rc;
}

void client_auth_append_masked(struct buf *out, const cJSON *auth)
{
    const cJSON *item;

    buf_append_char(out, '{');
    cJSON_ArrayForEach(item, auth)
    {
        if (item != auth->child)
            buf_append_char(out, ',');
        json_append_string(out, item->string);
        buf_append_char(out, ':');
        if (client_auth_is_shown(item->string) || cJSON_IsNull(item))
            json_append_value(out, item);
        else
            json_append_string(out, CLIENT_AUTH_MASK);
    }
    buf_append_char(out, '}');
}
