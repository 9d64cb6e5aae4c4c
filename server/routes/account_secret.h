/*
 * account_secret.h - one secret of an account on its way into the database.
 */
#ifndef SERVER_ROUTES_ACCOUNT_SECRET_H
#define SERVER_ROUTES_ACCOUNT_SECRET_H

#include "common/db.h"
#include "common/secret.h"

/*
 * Seal `plain` so that it opens only as the field `what` of this account. A NULL one leaves *ret as
 * it is: zeroed, for account_secret_param(). Errors: those of secret_seal().
 */
enum err account_secret_seal(const struct secret_ring *keys, const char *tenant_id,
                             const char *account_id, const char *what, const char *plain,
                             struct sealed *ret, struct error *err) MUST_CHECK;
/* Two parameters, octets and key id; a zeroed one: nulls. */
void account_secret_param(struct db_params *p, const struct sealed *sealed);

#endif
