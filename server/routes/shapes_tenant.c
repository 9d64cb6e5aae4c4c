/*
 * shapes_tenant.c - tenants, their registration and tokens. See shapes.h.
 */
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/secret.h"
#include "common/token.h"
#include "server/routes/shapes.h"

#define SHAPES_WHSEC "whsec_"

/* What is put together from two texts must not become another host: the path begins with a slash.
 * An empty text is given, and means none. */
static const char *shapes_check_path(const cJSON *value)
{
    const char *text = value->valuestring;

    return !*text || *text == '/' ? NULL : "must begin with /";
}

static const char *shapes_check_base_url(const cJSON *value)
{
    const char *text = value->valuestring;

    return !*text || !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8)
               ? NULL
               : "must begin with http:// or https://";
}

/* Texts that become part of header fields. */
static const char *shapes_check_auth(const cJSON *value)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, value)
    {
        for (const char *p = cJSON_IsString(item) ? item->valuestring : ""; *p; p++)
            if ((unsigned char)*p < ' ' || *p == 0x7f)
                return "contains a control character";
    }
    return NULL;
}

/* A key in the form of Standard Webhooks; any other text is the key as it is. */
static const char *shapes_check_report_secret(const cJSON *value)
{
    const char *text = value->valuestring;
    size_t prefix = sizeof(SHAPES_WHSEC) - 1, len = 0;
    unsigned char *key = NULL;
    struct error err;
    enum err rc;

    if (strncmp(text, SHAPES_WHSEC, prefix) != 0)
        return NULL;
    rc = token_base64_decode(text + prefix, strlen(text + prefix), &key, &len, &err);
    if (!rc)
        explicit_bzero(key, len);
    free(key);
    return rc || !len ? "has no base64 behind " SHAPES_WHSEC : NULL;
}

static const char *const shapes_report_formats[] = {"event", "seed", NULL};

#define SHAPES_URL_OCTETS 8192
/* clang-format off */
#define SHAPES_TENANT_FIELDS                                                                       \
    {"name", FIELD_TEXT, .doc = "For people."},                                                    \
    {"client_auth", FIELD_OBJECT, .shape = &shape_client_auth, .check = shapes_check_auth,         \
     .doc = "How the service authenticates to the tenant's web server."},                          \
    {"client_base_url", FIELD_URL_PART, .max = SHAPES_URL_OCTETS, .check = shapes_check_base_url,  \
     .doc = "Where the tenant's web server is. One set with a tenant's own token may not lead to " \
            "private addresses."},                                                                 \
    {"client_sync_path", FIELD_URL_PART, .max = SHAPES_URL_OCTETS, .check = shapes_check_path,     \
     .doc = "Appended to the base URL: where delivery reports are posted; default "                \
            "/mail-proxy/sync."},                                                                  \
    {"client_attachment_path", FIELD_URL_PART, .max = SHAPES_URL_OCTETS,                           \
     .check = shapes_check_path,                                                                   \
     .doc = "Appended to the base URL: where attachments are fetched; default "                    \
            "/mail-proxy/attachments."},                                                           \
    {"rate_limits", FIELD_OBJECT, .shape = &shape_rate_limits,                                     \
     .doc = "Limits over all accounts of the tenant."},                                            \
    {"large_file_config", FIELD_OBJECT, .shape = &shape_large_files,                               \
     .doc = "What happens to large attachments."},                                                 \
    {"active", FIELD_BOOL,                                                                         \
     .doc = "Default true. false: not polled without news; sending and reports go on."},           \
    {"report_format", FIELD_TEXT, FIELD_NOT_EMPTY, .labels = shapes_report_formats,                \
     .doc = "Shape of report entries; default event."},                                            \
    {"report_secret", FIELD_TEXT, .max = SECRET_PLAIN_CAP_OCTETS,                                  \
     .check = shapes_check_report_secret,                                                          \
     .doc = "Signs the reports (Standard Webhooks: webhook-signature); empty: unsigned."},         \
    {"retry_delays", FIELD_INTS, .count = CONFIG_DELAYS_MAX, .max = SHAPES_DELAY_MAX_S,            \
     .doc = "Seconds before each retry of the tenant's messages; default: the service's."},          \
    {"retry_max_age", FIELD_INT, .max = SHAPES_DELAY_MAX_S,                                        \
     .doc = "Seconds a message may fail before it is given up; 0: no such limit; default: the "    \
            "service's."}
/* clang-format on */

static const struct field shapes_client_auth_fields[] = {
    {"method", FIELD_TEXT, .doc = "none, basic or bearer."},
    {"user", FIELD_TEXT, .doc = "For basic."},
    {"password", FIELD_TEXT, .doc = "For basic; shown as \"***\", which keeps it when sent back."},
    {"token", FIELD_TEXT, .doc = "For bearer; shown as \"***\"."},
    {0},
};
static const struct shape shape_client_auth = {
    "ClientAuth", "Credentials for the tenant's web server.", true, shapes_client_auth_fields};

static const struct field shapes_rate_limits_fields[] = {
    {"hourly", FIELD_ANY, .doc = "Messages in any 3600 seconds."},
    {"daily", FIELD_ANY, .doc = "Messages in any 86400 seconds."},
    {0},
};
static const struct shape shape_rate_limits = {"RateLimits", "Limits of a tenant.", true,
                                               shapes_rate_limits_fields};

static const struct field shapes_large_files_fields[] = {
    {"enabled", FIELD_ANY, .doc = "Default false."},
    {"max_size_mb", FIELD_ANY, .doc = "In MiB; default 10."},
    {"action", FIELD_ANY, .doc = "warn, reject or rewrite (stored, not acted upon)."},
    {0},
};
static const struct shape shape_large_files = {
    "LargeFileConfig", "What happens to large attachments.", true, shapes_large_files_fields};

static const struct field shapes_tenant_new_fields[] = {
    {"id", FIELD_TEXT, FIELD_REQUIRED | FIELD_NOT_EMPTY, .max = SHAPES_ID_OCTETS,
     .doc = "The tenant's id."},
    SHAPES_TENANT_FIELDS,
    {0},
};
const struct shape shape_tenant_new = {"TenantNew",
                                       "A tenant. What is left out goes back to its default.", true,
                                       shapes_tenant_new_fields};

static const struct field shapes_tenant_change_fields[] = {SHAPES_TENANT_FIELDS, {0}};
const struct shape shape_tenant_change = {
    "TenantChange", "What is to change; null: stays as it is; an empty text: none any more.", true,
    shapes_tenant_change_fields};

static const struct field shapes_registration_fields[] = {
    SHAPES_OK,
    {"api_key", FIELD_TEXT, .doc = "The tenant's token: shown here and never again."},
    {0},
};
static const struct shape shape_registration = {"Registration", "The tenant is stored.",
                                                .fields = shapes_registration_fields};
const struct answer shapes_answers_registration[] = {
    {200, "Stored. A new tenant, and one that brings a client_auth, gets a new token.",
     &shape_registration},
    {0},
};
const struct answer shapes_answers_tenant_changed[] = {
    {200, "Changed."},
    {404, "No such tenant, or nothing to change."},
    {0},
};
const struct answer shapes_answers_tenant_deleted[] = {
    {200, "Done."},
    {404, "No such tenant."},
    {0},
};

static const struct field shapes_tenant_fields[] = {
    {"id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The tenant's id."},
    {"name", FIELD_TEXT, .doc = "For people."},
    {"client_auth", FIELD_OBJECT, .shape = &shape_client_auth, .doc = "Its secrets as \"***\"."},
    {"client_base_url", FIELD_TEXT, .doc = "Where the tenant's web server is."},
    {"client_sync_path", FIELD_TEXT, .doc = "Where delivery reports are posted."},
    {"client_attachment_path", FIELD_TEXT, .doc = "Where attachments are fetched."},
    {"rate_limits", FIELD_OBJECT, .shape = &shape_rate_limits, .doc = "As it was given."},
    {"large_file_config", FIELD_OBJECT, .shape = &shape_large_files, .doc = "As it was given."},
    {"active", FIELD_BOOL, FIELD_REQUIRED, .doc = "false: not polled."},
    {"report_format", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_report_formats,
     .doc = "Shape of report entries."},
    {"report_secret", FIELD_TEXT, .doc = "\"***\" where one is stored."},
    {"retry_delays", FIELD_INTS, .doc = "Seconds before each retry."},
    {"retry_max_age", FIELD_INT, .max = INT32_MAX, .doc = "Seconds a message may fail."},
    {"created_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {"updated_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {0},
};
static const struct shape shape_tenant = {"Tenant", "A tenant, its secrets masked.",
                                          .fields = shapes_tenant_fields};
const struct answer shapes_answers_tenant[] = {
    {200, "The tenant.", &shape_tenant},
    {404, "No such tenant."},
    {0},
};

const struct field shapes_query_tenants[] = {
    {"active_only", FIELD_BOOL, .doc = "Only those that are polled."},
    {0},
};
static const struct field shapes_tenants_fields[] = {
    SHAPES_OK,
    {"tenants", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_tenant, .doc = "By id."},
    {0},
};
static const struct shape shape_tenants = {"Tenants", "All tenants.",
                                           .fields = shapes_tenants_fields};
const struct answer shapes_answers_tenants[] = {{200, "All tenants.", &shape_tenants}, {0}};

static const struct field shapes_api_key_fields[] = {
    {"expires_at", FIELD_INT, .max = INT64_C(253402300799), /* the year 9999 */
     .doc = "Until when the token is good, seconds since the epoch; default: for ever."},
    {0},
};
const struct shape shape_api_key_new = {"ApiKeyNew", "How long the token is good.", true,
                                        shapes_api_key_fields};
const struct answer shapes_answers_api_key[] = {
    {200, "The token; the old one ends.", &shape_registration},
    {404, "No such tenant."},
    {0},
};
