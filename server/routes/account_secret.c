#include "server/routes/account_secret.h"

enum err account_secret_seal(const struct secret_ring *keys, const char *tenant_id,
                             const char *account_id, const char *what, const char *plain,
                             struct sealed *ret, struct error *err)
{
    char context[SECRET_CONTEXT_OCTETS];

    if (!plain)
        return ERR_OK;
    secret_context(context, (const char *const[]){"account", tenant_id, account_id, what, NULL});
    return secret_seal(keys, context, plain, ret, err);
}

void account_secret_param(struct db_params *p, const struct sealed *sealed)
{
    db_param_octets(p, sealed->octets, sealed->len);
    db_param_text(p, sealed->octets ? sealed->key_id : NULL);
}
