/*
 * credentials.c - seal an attachment's own credentials. See credentials.h.
 */
#include "server/intake/credentials.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/token.h"
#include "server/http/object.h"

static void credentials_append_plain(const cJSON *auth, struct buf *out)
{
    static const char *const members[] = {"method", "user", "password", "token"};
    struct object o = object_open(out);

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        object_text(&o, members[i], cJSON_GetStringValue(json_get(auth, members[i])));
    object_close(&o);
}

static enum err credentials_append_sealed(const struct sealed *sealed, struct buf *out,
                                          struct error *err)
{
    char *base64 = NULL;
    enum err rc = token_base64(sealed->octets, sealed->len, &base64, err);

    if (!rc) {
        struct object o = object_open(out);

        object_text(&o, "sealed", base64);
        object_text(&o, "key_id", sealed->key_id);
        object_close(&o);
    }
    free(base64);
    return rc;
}

enum err credentials_append(const struct draft *d, const cJSON *auth,
                            const struct secret_ring *keys, struct buf *out, struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];
    struct buf plain = BUF_INIT(SECRET_PLAIN_CAP_OCTETS);
    struct sealed sealed = {0};
    enum err rc;

    if (!json_get_value(auth, "password") && !json_get_value(auth, "token")) {
        credentials_append_plain(auth, out);
        return ERR_OK;
    }
    credentials_append_plain(auth, &plain);
    secret_context(context, (const char *const[]){"message", d->tenant_id, d->id, "auth", NULL});
    rc = buf_check(&plain, "a secret", err);
    if (!rc)
        rc = secret_seal(keys, context, plain.data, &sealed, err);
    if (!rc)
        rc = credentials_append_sealed(&sealed, out, err);
    sealed_clear(&sealed);
    buf_wipe(&plain);
    return rc;
}
