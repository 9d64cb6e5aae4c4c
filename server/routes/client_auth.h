/*
 * client_auth.h - how the service authenticates to a tenant's web server: an object that is stored
 * sealed as a whole, shown with its secrets as "***", and given back that way by clients that only
 * meant to change something else.
 */
#ifndef SERVER_ROUTES_CLIENT_AUTH_H
#define SERVER_ROUTES_CLIENT_AUTH_H

#include <cjson/cJSON.h>

#include "common/buf.h"
#include "common/db.h"
#include "common/secret.h"

#define CLIENT_AUTH_MASK "***"

/* Open what is stored in columns `sealed_at` and `sealed_at + 1` (the key id). *ret: owned, NULL
 * when none is. */
enum err client_auth_open(const struct secret_ring *keys, const char *tenant_id,
                          const PGresult *res, int row, int sealed_at, cJSON **ret,
                          struct error *err) MUST_CHECK;
/* Seal `given`, its masked members taken from `stored` (NULL: none). ERR_INPUT: masked, but none is
 * stored. */
enum err client_auth_seal(const struct secret_ring *keys, const char *tenant_id, const cJSON *given,
                          const cJSON *stored, struct sealed *ret, struct error *err) MUST_CHECK;
/* Append it for people to see: method and user as they are, all else masked. */
void client_auth_append_masked(struct buf *out, const cJSON *auth);

#endif
