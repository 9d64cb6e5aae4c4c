#include "server/routes/account_certificate.h"

#include "common/certificate.h"
#include "server/http/shape.h"
#include "server/routes/account_secret.h"

void account_certificate_read(const cJSON *body, struct account_certificate *ret)
{
    *ret = (struct account_certificate){.certificates = value_given(body, "tls_client_cert"),
                                        .key = value_given(body, "tls_client_key")};
    if (ret->certificates)
        (void)!certificate_read_end(ret->certificates, &ret->end_s);
}

static void account_certificate_check_pair(struct fields *f,
                                           const struct account_certificate *certificate)
{
    /* Each by itself has been found wrong already. */
    if (certificate_check(certificate->certificates) || certificate_check_key(certificate->key))
        return;
    switch (certificate_check_pair(certificate->certificates, certificate->key)) {
    case CERTIFICATE_PAIR_FITS:
        return;
    case CERTIFICATE_PAIR_ORDER:
        fields_refuse(f, "tls_client_cert",
                      "begins with another certificate than that of tls_client_key: put that one "
                      "first, its issuers after it");
        return;
    case CERTIFICATE_PAIR_STRANGE:
        fields_refuse(f, "tls_client_key",
                      "does not belong to tls_client_cert: give the key that the certificate was "
                      "made for");
        return;
    }
}

void account_certificate_check(struct fields *f, const cJSON *body)
{
    bool tls = value_bool(body, "use_tls", value_int(body, "port", 0) == 465);
    struct account_certificate certificate;

    account_certificate_read(body, &certificate);
    if (!certificate.certificates && !certificate.key)
        return;
    if (!certificate.key)
        fields_refuse(f, "tls_client_key", "is needed with tls_client_cert");
    else if (!certificate.certificates)
        fields_refuse(f, "tls_client_cert", "is needed with tls_client_key");
    else
        account_certificate_check_pair(f, &certificate);
    if (!tls)
        fields_refuse(f, "use_tls", "must be true: tls_client_cert is shown in TLS only");
}

enum err account_certificate_seal(const struct secret_ring *keys, const char *tenant_id,
                                  const char *account_id, struct account_certificate *certificate,
                                  struct error *err)
{
    return account_secret_seal(keys, tenant_id, account_id, "tls_client_key", certificate->key,
                               &certificate->key_sealed, err);
}

void account_certificate_clear(struct account_certificate *certificate)
{
    sealed_clear(&certificate->key_sealed);
}

void account_certificate_set_params(struct db_params *p,
                                    const struct account_certificate *certificate)
{
    db_param_text(p, certificate->certificates);
    if (certificate->certificates)
        db_param_int(p, certificate->end_s);
    else
        db_param_null(p);
    account_secret_param(p, &certificate->key_sealed);
}

void account_certificate_append(struct object *o, const PGresult *res, int row, int column)
{
    object_text(o, "tls_client_cert", db_str(res, row, column));
    if (!db_is_null(res, row, column + 1))
        object_time(o, "tls_client_cert_expires_at", db_int(res, row, column + 1));
}
