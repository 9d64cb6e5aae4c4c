/*
 * shapes_account.c - accounts. See shapes.h.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/certificate.h"
#include "common/config.h"
#include "common/secret.h"
#include "server/routes/shapes.h"

enum {
    SHAPES_PEM_OCTETS = 256 * 1024,
    SHAPES_CLIENT_PEM_OCTETS = 32 * 1024, /* a chain; it comes along with every claimed message */
    SHAPES_KEY_PEM_OCTETS = 16 * 1024,    /* of RSA with 16384 bits: 13 KiB */
    SHAPES_TOKEN_URL_OCTETS = 2048,
    SHAPES_TOKEN_OCTETS = 16 * 1024,
    SHAPES_GRANT_OCTETS = 8 * 1024,
    SHAPES_SECONDS_MAX = 2147483 /* milliseconds fit 31 bits */
};

/* An IPv6 address, in brackets or not. */
static bool shapes_is_ipv6(const char *host)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    size_t n = strlen(host);
    bool bracketed = n > 2 && host[0] == '[' && host[n - 1] == ']';
    int written = snprintf(address, sizeof(address), "%.*s", (int)(bracketed ? n - 2 : n),
                           bracketed ? host + 1 : host);

    return written > 0 && (size_t)written < sizeof(address) &&
           inet_pton(AF_INET6, address, &ignored) == 1;
}

/*
 * A host name, internationalised ones too, or an address; anything else would become part of the
 * URL it is put into. Underscores are no part of a host name (RFC 952), but of the ones that
 * containers have.
 */
const char *shapes_check_host(const cJSON *value)
{
    const char *host = value->valuestring;
    bool fine = !strstr(host, "..") && !strchr("-.", *host);

    if (!*host || shapes_is_ipv6(host))
        return NULL;
    for (const unsigned char *p = (const unsigned char *)host; *p && fine; p++)
        fine = *p >= 0x80 || isalnum(*p) || strchr("-._", *p);
    return fine ? NULL : "is not a host name or an address";
}

static const char *shapes_check_pem(const cJSON *value)
{
    return *value->valuestring ? certificate_check(value->valuestring) : NULL;
}

static const char *shapes_check_client_pem(const cJSON *value)
{
    const char *why = shapes_check_pem(value);

    return why && strstr(value->valuestring, "PRIVATE KEY")
               ? "holds a private key: that belongs into tls_client_key"
               : why;
}

static const char *shapes_check_client_key(const cJSON *value)
{
    return *value->valuestring ? certificate_check_key(value->valuestring) : NULL;
}

static const char *shapes_check_pin(const cJSON *value)
{
    char pin[CERTIFICATE_PIN_OCTETS];

    return !*value->valuestring || certificate_read_pin(value->valuestring, pin)
               ? NULL
               : "is not the SHA-256 of a public key: sha256//BASE64 or 64 hexadecimal digits";
}

/* NOTIFY of RFC 3461 section 4.1, in any case. */
static const char *shapes_check_notify(const cJSON *value)
{
    static const char *const words[] = {"success", "failure", "delay"};
    const char *at = value->valuestring;
    unsigned seen = 0;

    if (!*at || strcasecmp(at, "never") == 0)
        return NULL;
    for (size_t n;; at += n + 1) {
        unsigned found = 0;

        n = strcspn(at, ",");
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (n == strlen(words[i]) && strncasecmp(at, words[i], n) == 0)
                found = 1u << i;
        if (!found || (seen & found))
            return "is neither 'never' nor some of success,failure,delay";
        seen |= found;
        if (!at[n])
            return NULL;
    }
}

static const char *shapes_check_ret(const cJSON *value)
{
    const char *ret = value->valuestring;

    return !*ret || strcasecmp(ret, "full") == 0 || strcasecmp(ret, "hdrs") == 0
               ? NULL
               : "is neither 'full' nor 'hdrs'";
}

static const char *const shapes_client_auths[] = {"body", "basic", NULL};
static const char *const shapes_grants[] = {"client_credentials", "refresh_token", "token", NULL};

/* It goes into a SASL message whose fields a control character would end (RFC 7628 section 3.1),
 * and RFC 6750 section 2.1 has neither spaces nor anything beyond ASCII in it. */
static const char *shapes_check_token(const cJSON *value)
{
    for (const unsigned char *p = (const unsigned char *)value->valuestring; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return "is not an access token: it holds a space, a control character, or no ASCII";
    return NULL;
}

/* A count where null, 0 and less mean none. */
#define SHAPES_COUNT FIELD_INT, .min = INT64_MIN

/* clang-format off */
static const struct field shapes_account_new_fields[] = {
    {"id", FIELD_TEXT, FIELD_REQUIRED | FIELD_NOT_EMPTY, .max = SHAPES_ID_OCTETS,
     .doc = "The account's id, unique in its tenant."},
    {"tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS, .doc = "Whose account."},
    {"name", FIELD_TEXT, .doc = "For people."},
    {"host", FIELD_LINE, FIELD_REQUIRED | FIELD_NOT_EMPTY, .max = SHAPES_ID_OCTETS,
     .check = shapes_check_host, .doc = "The submission server: a name or an address."},
    {"port", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = 65535, .doc = "Its TCP port."},
    {"user", FIELD_LINE, .doc = "AUTH is used when there is one."},
    {"password", FIELD_TEXT, .max = SECRET_PLAIN_CAP_OCTETS, .doc = "Stored sealed, never shown."},
    {"oauth_grant", FIELD_TEXT, .labels = shapes_grants,
     .doc = "How to ask for an access token; default: refresh_token where there is one, else client_credentials."},
    {"oauth_token_url", FIELD_URL_PART, .max = SHAPES_TOKEN_URL_OCTETS,
     .doc = "The token endpoint. AUTH is OAUTHBEARER or XOAUTH2 then, with user and an access token from there."},
    {"oauth_client_id", FIELD_LINE, .doc = "The application's id there."},
    {"oauth_client_secret", FIELD_LINE, .max = SHAPES_GRANT_OCTETS, .doc = "Stored sealed, never shown."},
    {"oauth_client_auth", FIELD_TEXT, .labels = shapes_client_auths,
     .doc = "How the endpoint gets to know id and secret: in the body of the request (default), or by HTTP Basic."},
    {"oauth_refresh_token", FIELD_LINE, .max = SHAPES_GRANT_OCTETS,
     .doc = "Stored sealed, never shown; a newer one that the endpoint hands out is kept in its place."},
    {"oauth_scope", FIELD_LINE, .doc = "Scopes, separated by spaces; default: the endpoint's own."},
    {"oauth_token", FIELD_TEXT, .max = SHAPES_TOKEN_OCTETS, .check = shapes_check_token,
     .doc = "An access token, without an endpoint that renews it. Stored sealed, never shown."},
    {"use_tls", FIELD_BOOL,
     .doc = "null: exactly on port 465. TLS is implicit on 465, elsewhere STARTTLS is mandatory."},
    {"tls_verify", FIELD_BOOL, .doc = "Default true: the certificate must verify."},
    {"tls_ca", FIELD_TEXT, .max = SHAPES_PEM_OCTETS, .check = shapes_check_pem,
     .doc = "Certificates (PEM) to verify with, instead of the system's store."},
    {"tls_pin", FIELD_TEXT, .check = shapes_check_pin,
     .doc = "SHA-256 of the server's public key: sha256//BASE64 or 64 hexadecimal digits."},
    {"tls_client_cert", FIELD_TEXT, .max = SHAPES_CLIENT_PEM_OCTETS, .check = shapes_check_client_pem,
     .doc = "A certificate (PEM) to show to a relay that asks for one, its issuers after it."},
    {"tls_client_key", FIELD_TEXT, .max = SHAPES_KEY_PEM_OCTETS, .check = shapes_check_client_key,
     .doc = "Its private key (PEM), without a passphrase. Stored sealed, never shown."},
    {"timeout", SHAPES_COUNT, .max = SHAPES_SECONDS_MAX,
     .doc = "Seconds that connecting, TLS and each complete reply may take; default: GMP_SMTP_TIMEOUT."},
    {"ttl", FIELD_INT, .max = SHAPES_SECONDS_MAX,
     .doc = "Seconds an idle connection is kept for the next message; default 300."},
    {"max_connections", SHAPES_COUNT, .max = INT32_MAX, .doc = "Connections at a time; default 10."},
    {"batch_size", SHAPES_COUNT, .max = INT32_MAX,
     .doc = "Messages of the account a worker holds at once; default GMP_BATCH_SIZE_PER_ACCOUNT."},
    {"limit_per_minute", SHAPES_COUNT, .max = INT32_MAX,
     .doc = "Messages in any 60 seconds; null, 0 and less: no limit."},
    {"limit_per_hour", SHAPES_COUNT, .max = INT32_MAX, .doc = "Messages in any 3600 seconds."},
    {"limit_per_day", SHAPES_COUNT, .max = INT32_MAX, .doc = "Messages in any 86400 seconds."},
    {"limit_behavior", FIELD_TEXT, .max = SHAPES_ID_OCTETS,
     .doc = "reject: a message over a limit is an error; anything else, default defer: it waits."},
    {"retry_delays", FIELD_INTS, .count = CONFIG_DELAYS_MAX, .max = SHAPES_DELAY_MAX_S,
     .doc = "Seconds before each retry; default: the tenant's."},
    {"retry_max_age", FIELD_INT, .max = SHAPES_DELAY_MAX_S,
     .doc = "Seconds a message may fail before it is given up; 0: no such limit; default: the tenant's."},
    {"dsn_notify", FIELD_LINE, .check = shapes_check_notify,
     .doc = "Delivery status notifications (RFC 3461) to ask a relay that offers DSN for: never, or some of success,failure,delay."},
    {"dsn_ret", FIELD_LINE, .check = shapes_check_ret,
     .doc = "What they bring back of the message: full or hdrs."},
    {"is_pec_account", FIELD_BOOL, .doc = "Italian certified mail; default false."},
    {"imap_host", FIELD_LINE, .max = SHAPES_ID_OCTETS, .check = shapes_check_host,
     .doc = "Where receipts of certified mail arrive."},
    {"imap_port", FIELD_INT, .min = 1, .max = 65535, .doc = "Default 993."},
    {"imap_user", FIELD_LINE, .doc = "Default: user."},
    {"imap_password", FIELD_TEXT, .max = SECRET_PLAIN_CAP_OCTETS, .doc = "Default: password."},
    {"imap_ssl", FIELD_BOOL, .doc = "Default true."},
    {0},
};
/* clang-format on */
const struct shape shape_account_new = {"AccountNew",
                                        "An account. What is left out goes back to its default.",
                                        true, shapes_account_new_fields};
const struct answer shapes_answers_account_stored[] = {
    {200, "Stored."},
    {404, "No such tenant."},
    {0},
};

/* clang-format off */
static const struct field shapes_account_fields[] = {
    {"id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The account's id."},
    {"tenant_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Its tenant."},
    {"host", FIELD_TEXT, FIELD_REQUIRED, .doc = "The submission server."},
    {"port", FIELD_INT, FIELD_REQUIRED, .max = 65535, .doc = "Its TCP port."},
    {"user", FIELD_TEXT, .doc = "The name for AUTH."},
    {"ttl", FIELD_INT, FIELD_REQUIRED, .max = INT32_MAX, .doc = "Seconds an idle connection is kept."},
    {"limit_per_minute", FIELD_INT, .max = INT32_MAX, .doc = "Messages in any 60 seconds."},
    {"limit_per_hour", FIELD_INT, .max = INT32_MAX, .doc = "Messages in any 3600 seconds."},
    {"limit_per_day", FIELD_INT, .max = INT32_MAX, .doc = "Messages in any 86400 seconds."},
    {"limit_behavior", FIELD_TEXT, FIELD_REQUIRED, .doc = "What happens to a message over a limit."},
    {"use_tls", FIELD_BOOL, .doc = "Left out: exactly on port 465."},
    {"batch_size", FIELD_INT, .max = INT32_MAX, .doc = "Messages a worker holds at once."},
    {"created_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {"updated_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {"is_pec_account", FIELD_BOOL, FIELD_REQUIRED, .doc = "Italian certified mail."},
    {"imap_host", FIELD_TEXT, .doc = "Where receipts arrive."},
    {"imap_port", FIELD_INT, FIELD_REQUIRED, .max = 65535, .doc = "Its port."},
    {"imap_user", FIELD_TEXT, .doc = "The name there."},
    {"imap_ssl", FIELD_BOOL, FIELD_REQUIRED, .doc = "Implicit TLS there."},
    {"name", FIELD_TEXT, .doc = "For people."},
    {"timeout", FIELD_INT, .max = INT32_MAX, .doc = "Seconds for connecting, TLS and each reply."},
    {"max_connections", FIELD_INT, .max = INT32_MAX, .doc = "Connections at a time."},
    {"tls_verify", FIELD_BOOL, FIELD_REQUIRED, .doc = "The certificate must verify."},
    {"tls_ca", FIELD_TEXT, .doc = "Certificates to verify with."},
    {"tls_pin", FIELD_TEXT, .doc = "SHA-256 of the public key."},
    {"retry_delays", FIELD_INTS, .max = INT32_MAX, .doc = "Seconds before each retry."},
    {"retry_max_age", FIELD_INT, .max = INT32_MAX, .doc = "Seconds a message may fail."},
    {"dsn_notify", FIELD_TEXT, .doc = "Delivery status notifications asked for."},
    {"dsn_ret", FIELD_TEXT, .doc = "What they bring back."},
    {"oauth_grant", FIELD_TEXT, .labels = shapes_grants, .doc = "How the account comes by an access token."},
    {"oauth_token_url", FIELD_TEXT, .doc = "The token endpoint."},
    {"oauth_client_id", FIELD_TEXT, .doc = "The application's id there."},
    {"oauth_scope", FIELD_TEXT, .doc = "What is asked for there."},
    {"oauth_client_auth", FIELD_TEXT, .labels = shapes_client_auths, .doc = "How it gets to know id and secret."},
    {"tls_client_cert", FIELD_TEXT, .doc = "The certificate to show to a relay that asks for one; its key is set."},
    {"tls_client_cert_expires_at", FIELD_TEXT, .doc = "When it ends. ISO 8601, UTC."},
    {"warning", FIELD_TEXT, .doc = "What an operator should know about how the account is set up."},
    {0},
};
/* clang-format on */
static const struct shape shape_account = {"Account", "An account, without its secrets.",
                                           .fields = shapes_account_fields};
static const struct field shapes_accounts_fields[] = {
    SHAPES_OK,
    {"accounts", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_account, .doc = "By id."},
    {0},
};
static const struct shape shape_accounts = {"Accounts", "Accounts.",
                                            .fields = shapes_accounts_fields};
const struct answer shapes_answers_accounts[] = {{200, "The accounts.", &shape_accounts}, {0}};
const struct answer shapes_answers_account_deleted[] = {
    {200, "Deleted; or nothing to delete, where the query names no tenant."},
    {400, "No such account in the tenant that the query names."},
    {0},
};
