/*
 * account_certificate.h - tls_client_cert and tls_client_key of an account: what it shows to a
 * relay that asks for a client's certificate (RFC 8446 section 4.3.2).
 */
#ifndef SERVER_ROUTES_ACCOUNT_CERTIFICATE_H
#define SERVER_ROUTES_ACCOUNT_CERTIFICATE_H

#include <cjson/cJSON.h>
#include <libpq-fe.h>

#include "common/db.h"
#include "common/secret.h"
#include "server/http/fields.h"
#include "server/http/object.h"

/* Texts are borrowed from the body; NULL: not given. */
struct account_certificate {
    const char *certificates, *key;
    int64_t end_s; /* of the first certificate, since the epoch */
    struct sealed key_sealed;
};

void account_certificate_read(const cJSON *body, struct account_certificate *ret);
/* What no field can know by itself: the two belong together, and there is TLS to show them in. */
void account_certificate_check(struct fields *f, const cJSON *body);
enum err account_certificate_seal(const struct secret_ring *keys, const char *tenant_id,
                                  const char *account_id, struct account_certificate *certificate,
                                  struct error *err) MUST_CHECK;
void account_certificate_clear(struct account_certificate *certificate);
/* $42 to $45 of upsert_account. */
void account_certificate_set_params(struct db_params *p,
                                    const struct account_certificate *certificate);
/* From the two columns of list_accounts that begin with `column`. */
void account_certificate_append(struct object *o, const PGresult *res, int row, int column);

#endif
