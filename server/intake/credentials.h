/*
 * credentials.h - the credentials an attachment brings along (`auth`): sealed before they are
 * stored.
 */
#ifndef SERVER_INTAKE_CREDENTIALS_H
#define SERVER_INTAKE_CREDENTIALS_H

#include "common/secret.h"
#include "server/intake/draft.h"

/*
 * Append what is stored of `auth`, an object of texts: {"sealed": BASE64, "key_id": ...}, which
 * opens in the context "message/<tenant>/<message>/auth" to its known members as JSON; one without
 * a secret as it is. ERR_SECRET: there is no key; ERR_LIMIT or ERR_INPUT: too long; ERR_NOMEM.
 */
enum err credentials_append(const struct draft *d, const cJSON *auth,
                            const struct secret_ring *keys, struct buf *out,
                            struct error *err) MUST_CHECK;

#endif
