/*
 * tenant_auth.h - the credentials for a tenant's own web server: client_auth of the tenant, or
 * `auth` of an attachment.
 *
 * {"method": "basic", "user", "password"} or {"method": "bearer", "token"}; any other method means
 * none.
 */
#ifndef WORKER_TENANT_AUTH_H
#define WORKER_TENANT_AUTH_H

#include <cjson/cJSON.h>

#include "common/secret.h"
#include "worker/http_client.h"

struct tenant_auth {
    struct http_auth http; /* its strings are in `copies` */
    char *copies[3];       /* owned secrets */
};

void tenant_auth_clear(struct tenant_auth *auth); /* wipes; a zeroed one is fine */

enum err tenant_auth_read(const cJSON *object, struct tenant_auth *ret,
                          struct error *err) MUST_CHECK;
/* Open the sealed client_auth of `tenant_id`; octets NULL: no credentials. ERR_SECRET, ERR_INPUT,
 * ERR_NOMEM. */
enum err tenant_auth_open(const struct secret_ring *keys, const char *tenant_id, const char *key_id,
                          const unsigned char *octets, size_t len, struct tenant_auth *ret,
                          struct error *err) MUST_CHECK;
/*
 * Read the `auth` that an attachment of a message brought along. The server stores it sealed:
 * {"sealed": BASE64, "key_id": ...}; one without a secret is there as it came. Errors as above.
 */
enum err tenant_auth_open_own(const struct secret_ring *keys, const char *tenant_id,
                              const char *message_id, const cJSON *object, struct tenant_auth *ret,
                              struct error *err) MUST_CHECK;
/* Open another sealed text of the tenant, such as "report_secret"; free it with secret_wipe_free().
 */
enum err tenant_auth_open_text(const struct secret_ring *keys, const char *tenant_id,
                               const char *field, const char *key_id, const unsigned char *octets,
                               size_t len, char **ret, struct error *err) MUST_CHECK;

#endif
