/*
 * account_warnings.c - see account_warnings.h.
 */
#include "server/routes/account_warnings.h"

size_t account_warnings(const struct account_setup *setup, const char *ret[ACCOUNT_WARNINGS_MAX])
{
    bool tls = setup->has_use_tls ? setup->use_tls : setup->port == 465;
    size_t count = 0;

    if (setup->has_user && !tls)
        ret[count++] = "credentials are sent over a plain connection";
    if (tls && !setup->tls_verify)
        ret[count++] = "the server's certificate is not verified";
    if (setup->certificate_expired)
        ret[count++] = "the client certificate has expired";
    return count;
}
