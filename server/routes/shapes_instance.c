/*
 * shapes_instance.c - the deployment's own settings. See shapes.h.
 */
#include "common/address.h"
#include "common/secret.h"
#include "server/routes/shapes.h"

enum { SHAPES_POLL_MAX_S = 2147483 }; /* milliseconds fit 31 bits */

static const char *shapes_check_address(const cJSON *value)
{
    struct address address = {0};
    struct error err;
    bool fine = !*value->valuestring || !address_parse(value->valuestring, &address, &err);

    address_clear(&address);
    return fine ? NULL : "is not an address";
}

static const struct field shapes_instance_change_fields[] = {
    {"name", FIELD_TEXT, FIELD_NOT_EMPTY, .doc = "For people."},
    {"api_token", FIELD_TEXT, .max = SECRET_PLAIN_CAP_OCTETS,
     .doc = "Stored, and nothing else: who may do what is decided by GMP_API_TOKEN. \"***\" keeps "
            "the stored one, an empty text ends it."},
    {"bounce_enabled", FIELD_BOOL, .doc = "Read the mailbox that bounces come back to."},
    {"bounce_imap_host", FIELD_LINE, .max = SHAPES_ID_OCTETS, .check = shapes_check_host,
     .doc = "Its server: a name or an address."},
    {"bounce_imap_port", FIELD_INT, .min = 1, .max = 65535, .doc = "Default 993."},
    {"bounce_imap_user", FIELD_LINE, .doc = "Its user."},
    {"bounce_imap_password", FIELD_TEXT, .max = SECRET_PLAIN_CAP_OCTETS,
     .doc = "Its password. \"***\" keeps the stored one, an empty text ends it."},
    {"bounce_imap_folder", FIELD_LINE, FIELD_NOT_EMPTY, .doc = "Default INBOX."},
    {"bounce_imap_ssl", FIELD_BOOL, .doc = "Default true."},
    {"bounce_poll_interval", FIELD_INT, .min = 1, .max = SHAPES_POLL_MAX_S,
     .doc = "Seconds between two looks; default 60."},
    {"bounce_return_path", FIELD_LINE, .check = shapes_check_address,
     .doc = "The address bounces are to be sent to."},
    {0},
};
const struct shape shape_instance_change = {
    "InstanceChange", "What is to change; null: stays as it is; an empty text: none any more.",
    true, shapes_instance_change_fields};

static const struct field shapes_instance_fields[] = {
    {"id", FIELD_INT, FIELD_REQUIRED, .doc = "1."},
    {"name", FIELD_TEXT, FIELD_REQUIRED, .doc = "For people."},
    {"api_token", FIELD_TEXT, .doc = "\"***\" where one is stored."},
    {"bounce_enabled", FIELD_BOOL, FIELD_REQUIRED, .doc = "Is the mailbox to be read?"},
    {"bounce_imap_host", FIELD_TEXT, .doc = "Its server."},
    {"bounce_imap_port", FIELD_INT, FIELD_REQUIRED, .doc = "Its port."},
    {"bounce_imap_user", FIELD_TEXT, .doc = "Its user."},
    {"bounce_imap_password", FIELD_TEXT, .doc = "\"***\" where one is stored."},
    {"bounce_imap_folder", FIELD_TEXT, FIELD_REQUIRED, .doc = "Its folder."},
    {"bounce_imap_ssl", FIELD_BOOL, FIELD_REQUIRED, .doc = "TLS?"},
    {"bounce_poll_interval", FIELD_INT, FIELD_REQUIRED, .doc = "Seconds between two looks."},
    {"bounce_return_path", FIELD_TEXT, .doc = "The address bounces are to be sent to."},
    {"bounce_last_uid", FIELD_INT, .doc = "The last message that was read."},
    {"bounce_last_sync", FIELD_INT, .doc = "When it was read, seconds since the epoch."},
    {"bounce_uidvalidity", FIELD_INT, .doc = "What bounce_last_uid is good for (RFC 9051)."},
    {"created_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {"updated_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {0},
};
static const struct shape shape_instance = {"Instance", "The deployment's own settings.",
                                            .fields = shapes_instance_fields};
const struct answer shapes_answers_instance[] = {{200, "The settings.", &shape_instance}, {0}};
const struct answer shapes_answers_instance_changed[] = {
    {200, "Changed."},
    {400, "A secret that cannot be sealed, or \"***\" where none is stored."},
    {0},
};

static const struct field shapes_reload_fields[] = {
    SHAPES_OK,
    {"error", FIELD_ANY, FIELD_REQUIRED, .doc = "null."},
    {0},
};
static const struct shape shape_reload = {"Reload", "All is well.", .fields = shapes_reload_fields};
const struct answer shapes_answers_reload[] = {
    {200, "The settings are complete.", &shape_reload},
    {400, "Enabled, but no host is set."},
    {0},
};
