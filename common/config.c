/*
 * config.c - the one table of settings, and reading the environment by it. See config.h.
 */
#include "common/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONFIG_FILE_OCTETS_MAX = 65536 };

enum config_kind {
    CONFIG_TEXT,
    CONFIG_SECRET,
    CONFIG_INTEGER,
    CONFIG_BOOLEAN,
    CONFIG_LEVEL,
    CONFIG_DELAYS
};

struct config_setting {
    const char *name;
    enum config_kind kind;
    size_t offset;        /* of the field in struct config */
    const char *standard; /* the default, as it would be written; NULL: not set */
    int64_t min, max;     /* CONFIG_INTEGER only */
    const char *help;
};

#define AT(field) offsetof(struct config, field)
#define MIB       (INT64_C(1024) * 1024)

static const struct config_setting config_settings[] = {
    {"GMP_DATABASE_URL", CONFIG_SECRET, AT(database_url), NULL, 0, 0,
     "PostgreSQL: any libpq conninfo or URI, several hosts allowed; not set: libpq's own defaults"},
    {"GMP_DATABASE_POOLER_URL", CONFIG_SECRET, AT(database_pooler_url), NULL, 0, 0,
     "PgBouncer, in transaction mode, before that database: all but LISTEN and migrate goes "
     "through "
     "it; not set: nothing does"},
    {"GMP_ROLE_PREFIX", CONFIG_TEXT, AT(role_prefix), "mailproxy", 0, 0,
     "what the names of the group roles begin with that `migrate` makes and grants to; none: it "
     "makes none"},
    {"GMP_HOST", CONFIG_TEXT, AT(host), NULL, 0, 0,
     "address the server listens on; not set: 127.0.0.1 without an admin token, else 0.0.0.0"},
    {"GMP_PORT", CONFIG_INTEGER, AT(port), "8000", 1, 65535, "TCP port the server listens on"},
    {"GMP_API_TOKEN", CONFIG_SECRET, AT(api_token), NULL, 0, 0, "the admin token (X-API-Token)"},
    {"GMP_ALLOW_OPEN_LISTEN", CONFIG_BOOLEAN, AT(allow_open_listen), "false", 0, 0,
     "listen beyond loopback although no admin token is set"},
    {"MAIL_PROXY_ENCRYPTION_KEY", CONFIG_SECRET, AT(encryption_key), NULL, 0, 0,
     "seals stored secrets: base64 of 32 octets (openssl rand -base64 32); several, "
     "comma-separated, newest first"},
    {"GMP_LOG_LEVEL", CONFIG_LEVEL, AT(log_level), "info", 0, 0, "error, warn, info or debug"},
    {"GMP_RETRY_DELAYS", CONFIG_DELAYS, AT(retry_delays), "60,300,900,3600,7200", 0, 0,
     "seconds before each retry; as many retries as entries, an empty list: none"},
    {"GMP_RETRY_MAX_AGE", CONFIG_INTEGER, AT(retry_max_age), "432000", 0, 31536000,
     "seconds a message, or an account that keeps messages waiting, may fail before they are given "
     "up; 0: no such limit"},
    {"GMP_BATCH_SIZE_PER_ACCOUNT", CONFIG_INTEGER, AT(batch_size_per_account), "50", 1, 10000,
     "messages of one account a worker holds at once, unless the account says otherwise"},
    {"GMP_MAX_CONNECTIONS_PER_ACCOUNT", CONFIG_INTEGER, AT(max_connections_per_account), "10", 1,
     1000,
     "connections to one account's relay over all workers, unless the account says otherwise"},
    {"GMP_DEFAULT_PRIORITY", CONFIG_INTEGER, AT(default_priority), "2", 0, 3,
     "priority of a message that names none: 0 immediate, 1 high, 2 medium, 3 low"},
    {"GMP_PRIORITY_AGE", CONFIG_INTEGER, AT(priority_age), "3600", 0, 31536000,
     "seconds after which a message that is due rises by one priority, and again, but not to 0; "
     "0: never"},
    {"GMP_SYNC_INTERVAL", CONFIG_INTEGER, AT(sync_interval), "300", 1, 86400,
     "seconds between polls of a tenant without news while no rules are stored"},
    {"GMP_TIMEZONE", CONFIG_TEXT, AT(timezone), "Europe/Rome", 0, 0,
     "time zone of the polling rules, as PostgreSQL names it (pg_timezone_names)"},
    {"GMP_CLIENT_SYNC_URL", CONFIG_TEXT, AT(client_sync_url), NULL, 0, 0,
     "whole URL for the reports of tenant default when it has none of its own"},
    {"GMP_CLIENT_SYNC_USER", CONFIG_TEXT, AT(client_sync_user), NULL, 0, 0,
     "user name for it (basic)"},
    {"GMP_CLIENT_SYNC_PASSWORD", CONFIG_SECRET, AT(client_sync_password), NULL, 0, 0,
     "password for it (basic)"},
    {"GMP_CLIENT_SYNC_TOKEN", CONFIG_SECRET, AT(client_sync_token), NULL, 0, 0,
     "token for it (bearer); goes before user and password"},
    {"GMP_DELIVERY_REPORT_RETENTION_SECONDS", CONFIG_INTEGER, AT(delivery_report_retention_seconds),
     "604800", 0, INT64_C(315360000),
     "seconds a finished message is kept after it was reported; 0: for ever"},
    {"GMP_CONTENT_RETENTION_SECONDS", CONFIG_INTEGER, AT(content_retention_seconds), "1209600", 0,
     INT64_C(315360000),
     "seconds the contents and attachments of a day are kept after it, if all of its messages are "
     "done; 0: for ever"},
    {"GMP_HISTORY_RETENTION_SECONDS", CONFIG_INTEGER, AT(history_retention_seconds), "2592000", 0,
     INT64_C(315360000),
     "seconds the attempts and events of a day are kept after it, if all of its messages are done "
     "and told; 0: for ever"},
    {"GMP_MAX_BODY_BYTES", CONFIG_INTEGER, AT(max_body_bytes), "134217728", 1024, 1024 * MIB,
     "octets of one request body"},
    {"GMP_MAX_BODIES_IN_FLIGHT_BYTES", CONFIG_INTEGER, AT(max_bodies_in_flight_bytes), "268435456",
     1024, INT64_C(65536) * MIB,
     "octets of all request bodies the server holds at once; beyond it 503"},
    {"GMP_MAX_MESSAGE_BYTES", CONFIG_INTEGER, AT(max_message_bytes), "26214400", 1024, 512 * MIB,
     "octets of one message with its attachments"},
    {"GMP_MAX_ATTACHMENT_BYTES", CONFIG_INTEGER, AT(max_attachment_bytes), "26214400", 1024,
     512 * MIB, "octets of one attachment"},
    {"GMP_ATTACHMENT_BASE_DIR", CONFIG_TEXT, AT(attachment_base_dir), NULL, 0, 0,
     "folder below which filesystem attachments are read; not set: they are refused"},
    {"GMP_ATTACHMENT_TIMEOUT", CONFIG_INTEGER, AT(attachment_timeout), "30", 1, 3600,
     "seconds the fetch of one attachment may take"},
    {"GMP_CACHE_MEMORY_MAX_MB", CONFIG_INTEGER, AT(cache_memory_max_mb), "50", 0, 65536,
     "MiB of fetched attachments with a content_md5 that a worker keeps in memory; 0: none"},
    {"GMP_CACHE_MEMORY_TTL_SECONDS", CONFIG_INTEGER, AT(cache_memory_ttl_seconds), "300", 0,
     31536000, "seconds it keeps them"},
    {"GMP_CACHE_DISK_DIR", CONFIG_TEXT, AT(cache_disk_dir), NULL, 0, 0,
     "folder for larger ones, shared by the workers of a host; not set: memory alone"},
    {"GMP_CACHE_DISK_MAX_MB", CONFIG_INTEGER, AT(cache_disk_max_mb), "500", 1, 1048576,
     "MiB that the folder holds; the oldest go first"},
    {"GMP_CACHE_DISK_TTL_SECONDS", CONFIG_INTEGER, AT(cache_disk_ttl_seconds), "3600", 0, 31536000,
     "seconds a file there is good"},
    {"GMP_CACHE_DISK_THRESHOLD_KB", CONFIG_INTEGER, AT(cache_disk_threshold_kb), "100", 0, 1048576,
     "KiB from which on an attachment goes to the folder, where one is set"},
    {"GMP_ALLOW_PRIVATE_HOSTS", CONFIG_TEXT, AT(allow_private_hosts), NULL, 0, 0,
     "comma-separated CIDRs and host names that tenant-supplied URLs may reach although private"},
    {"GMP_METRICS_TOKEN", CONFIG_SECRET, AT(metrics_token), NULL, 0, 0,
     "when set, /metrics wants it or the admin token, as X-API-Token or as a Bearer token"},
    {"GMP_REQUIRE_TLS_FOR_AUTH", CONFIG_BOOLEAN, AT(require_tls_for_auth), "false", 0, 0,
     "refuse to send an SMTP password over a plain connection, but on loopback"},
    {"GMP_CA_FILE", CONFIG_TEXT, AT(ca_file), NULL, 0, 0,
     "PEM file of certificates trusted for SMTP and HTTPS instead of the system's store"},
    {"GMP_LEASE_SECONDS", CONFIG_INTEGER, AT(lease_seconds), "60", 1, 3600,
     "seconds without a heartbeat after which a worker counts as dead and its messages are taken "
     "over"},
    {"GMP_STATE_DIR", CONFIG_TEXT, AT(state_dir), NULL, 0, 0,
     "folder where a worker keeps what it has seen of the database, shared by the workers of a "
     "host; "
     "not set: a restore from backup is not noticed across a restart"},
    {"GMP_WORKER_CONNECTIONS", CONFIG_INTEGER, AT(worker_connections), "200", 1, 10000,
     "SMTP connections of one worker at most"},
    {"GMP_WORKER_MEMORY_BYTES", CONFIG_INTEGER, AT(worker_memory_bytes), "268435456", MIB,
     INT64_C(65536) * MIB,
     "octets of message content one worker holds at once; it claims no more than fits"},
    {"GMP_HELO_NAME", CONFIG_TEXT, AT(helo_name), NULL, 0, 0,
     "name given in EHLO; not set: the host's name"},
    {"GMP_SMTP_TIMEOUT", CONFIG_INTEGER, AT(smtp_timeout), "0", 0, 3600,
     "seconds that connecting, TLS and each reply of a relay may take, unless the account says "
     "otherwise; 0: RFC 5321 4.5.3.2"},
    {"GMP_SYNC_CONNECT_TIMEOUT", CONFIG_INTEGER, AT(sync_connect_timeout), "10", 1, 600,
     "seconds connecting to a tenant may take"},
    {"GMP_SYNC_TIMEOUT", CONFIG_INTEGER, AT(sync_timeout), "60", 1, 3600,
     "seconds a whole call to a tenant may take"},
    {"GMP_HTTP_THREADS", CONFIG_INTEGER, AT(http_threads), "600", 4, 4000,
     "HTTP connections served at once, a thread each"},
    {"GMP_DB_POOL_SIZE", CONFIG_INTEGER, AT(db_pool_size), "16", 1, 500,
     "database connections of one server"},
    {"GMP_DB_POOL_WAIT_MS", CONFIG_INTEGER, AT(db_pool_wait_ms), "10000", 0, 600000,
     "milliseconds a request waits for a database connection before it is answered 503"},
    {"GMP_SHUTDOWN_GRACE_SECONDS", CONFIG_INTEGER, AT(shutdown_grace_seconds), "30", 0, 3600,
     "seconds a stopping worker gives to what is under way before it hands it back"},
};

enum { CONFIG_COUNT = sizeof(config_settings) / sizeof(config_settings[0]) };

static const char *const config_kind_names[] = {"text",    "secret", "integer",
                                                "boolean", "level",  "seconds,..."};
static const char *const config_level_names[] = {"error", "warn", "info", "debug"};

static void *config_field(struct config *config, const struct config_setting *s)
{
    return (char *)config + s->offset;
}

/* Surrounding white space never belongs to a value. *ret is owned. */
static enum err config_trim(const char *name, const char *text, size_t n, char **ret,
                            struct error *err)
{
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    while (n && strchr(" \t\r\n", *text)) {
        text++;
        n--;
    }
    *ret = strndup(text, n);
    return *ret ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for %s", name);
}

static enum err config_read_file(const char *name, const char *path, char **ret, struct error *err)
{
    char *text = malloc(CONFIG_FILE_OCTETS_MAX);
    FILE *in = fopen(path, "re");
    enum err rc = ERR_OK;
    size_t n;

    if (!text) {
        rc = error_set(err, ERR_NOMEM, "out of memory for %s", name);
        goto out;
    }
    if (!in) {
        rc = error_set(err, ERR_CONFIG, "%s_FILE: cannot read %s: %s", name, path, strerror(errno));
        goto out;
    }
    n = fread(text, 1, CONFIG_FILE_OCTETS_MAX, in);
    if (n == CONFIG_FILE_OCTETS_MAX || memchr(text, '\0', n))
        rc = error_set(err, ERR_CONFIG, "%s_FILE: %s is not a setting: too long, or it holds a NUL",
                       name, path);
    else
        rc = config_trim(name, text, n, ret, err);
    explicit_bzero(text, CONFIG_FILE_OCTETS_MAX);
out:
    if (in)
        fclose(in);
    free(text);
    return rc;
}

/*
 * The environment's value, else the file's, else the default; *ret owned, NULL when none. An empty
 * value counts as not set, but for a list, which may be empty.
 */
static enum err config_find(const struct config_setting *s, char **ret, struct error *err)
{
    char file_name[128];
    const char *value = getenv(s->name);
    const char *path;

    snprintf(file_name, sizeof(file_name), "%s_FILE", s->name);
    path = getenv(file_name);
    if (value && *value && path && *path)
        return error_set(err, ERR_CONFIG, "%s and %s are both set: keep one", s->name, file_name);
    if (path && *path)
        return config_read_file(s->name, path, ret, err);
    if (!value || (!*value && s->kind != CONFIG_DELAYS))
        value = s->standard;
    return value ? config_trim(s->name, value, strlen(value), ret, err) : ERR_OK;
}

static enum err config_set_integer(const struct config_setting *s, const char *value, int64_t *ret,
                                   struct error *err)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(value, &end, 10);
    if (errno || *end || end == value || n < s->min || n > s->max)
        return error_set(err, ERR_CONFIG, "%s=%s: must be an integer from %lld to %lld", s->name,
                         value, (long long)s->min, (long long)s->max);
    *ret = n;
    return ERR_OK;
}

static enum err config_set_boolean(const struct config_setting *s, const char *value, bool *ret,
                                   struct error *err)
{
    static const char *const yes[] = {"1", "true", "t", "yes", "y", "on"};
    static const char *const no[] = {"0", "false", "f", "no", "n", "off"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!strcasecmp(value, yes[i]) || !strcasecmp(value, no[i])) {
            *ret = !strcasecmp(value, yes[i]);
            return ERR_OK;
        }
    }
    return error_set(err, ERR_CONFIG, "%s=%s: must be true or false", s->name, value);
}

static enum err config_set_level(const struct config_setting *s, const char *value,
                                 enum log_level *ret, struct error *err)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (!strcasecmp(value, config_level_names[i])) {
            *ret = (enum log_level)i;
            return ERR_OK;
        }
    }
    return error_set(err, ERR_CONFIG, "%s=%s: must be error, warn, info or debug", s->name, value);
}

static enum err config_set_delays(const struct config_setting *s, const char *value,
                                  struct config_delays *ret, struct error *err)
{
    struct config_delays delays = {0};
    const char *at = value;

    while (*at) {
        char *end;
        long long n;

        errno = 0;
        n = strtoll(at, &end, 10);
        if (errno || end == at || n < 0 || n > 31536000 || delays.count == CONFIG_DELAYS_MAX ||
            (*end != ',' && *end != '\0') || (*end == ',' && !end[1]))
            return error_set(
                err, ERR_CONFIG,
                "%s=%s: must be at most %d seconds from 0 to 31536000, comma-separated", s->name,
                value, CONFIG_DELAYS_MAX);
        delays.seconds[delays.count++] = (int32_t)n;
        at = *end ? end + 1 : end;
    }
    *ret = delays;
    return ERR_OK;
}

/* Consumes value. */
static enum err config_set(struct config *config, const struct config_setting *s, char *value,
                           struct error *err)
{
    void *field = config_field(config, s);
    enum err rc = ERR_OK;

    switch (s->kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        if (*value) {
            *(char **)field = value;
            return ERR_OK;
        }
        break;
    case CONFIG_INTEGER:
        rc = config_set_integer(s, value, field, err);
        break;
    case CONFIG_BOOLEAN:
        rc = config_set_boolean(s, value, field, err);
        break;
    case CONFIG_LEVEL:
        rc = config_set_level(s, value, field, err);
        break;
    case CONFIG_DELAYS:
        rc = config_set_delays(s, value, field, err);
        break;
    }
    free(value);
    return rc;
}

enum err config_load(struct config **ret, struct error *err)
{
    struct config *config = calloc(1, sizeof(*config));
    enum err rc = ERR_OK;

    if (!config)
        return error_set(err, ERR_NOMEM, "out of memory for the settings");
    for (size_t i = 0; i < CONFIG_COUNT && !rc; i++) {
        char *value = NULL;

        rc = config_find(&config_settings[i], &value, err);
        if (!rc && value)
            rc = config_set(config, &config_settings[i], value, err);
    }
    if (!rc && !config->host) {
        config->host = strdup(config->api_token ? "0.0.0.0" : "127.0.0.1");
        if (!config->host)
            rc = error_set(err, ERR_NOMEM, "out of memory for GMP_HOST");
    }
    if (rc) {
        config_free(config);
        return rc;
    }
    *ret = config;
    return ERR_OK;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const struct config_setting *s = &config_settings[i];
        char *text;

        if (s->kind != CONFIG_TEXT && s->kind != CONFIG_SECRET)
            continue;
        text = *(char **)config_field(config, s);
        if (text)
            explicit_bzero(text, strlen(text));
        free(text);
    }
    free(config);
}

static void config_print_value(const struct config *config, const struct config_setting *s,
                               FILE *out)
{
    const void *field = (const char *)config + s->offset;
    const struct config_delays *delays = field;

    switch (s->kind) {
    case CONFIG_TEXT:
        fprintf(out, "%s", *(char *const *)field ? *(char *const *)field : "");
        break;
    case CONFIG_SECRET:
        fprintf(out, "%s", *(char *const *)field ? "***" : "");
        break;
    case CONFIG_INTEGER:
        fprintf(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case CONFIG_BOOLEAN:
        fprintf(out, "%s", *(const bool *)field ? "true" : "false");
        break;
    case CONFIG_LEVEL:
        fprintf(out, "%s", config_level_names[*(const enum log_level *)field]);
        break;
    case CONFIG_DELAYS:
        for (uint32_t i = 0; i < delays->count; i++)
            fprintf(out, "%s%d", i ? "," : "", delays->seconds[i]);
        break;
    }
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        fprintf(out, "%s=", config_settings[i].name);
        config_print_value(config, &config_settings[i], out);
        fprintf(out, "\n");
    }
}

void config_print_table(FILE *out)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const struct config_setting *s = &config_settings[i];

        fprintf(out, "%s|%s|%s|", s->name, config_kind_names[s->kind],
                s->standard ? s->standard : "");
        if (s->kind == CONFIG_INTEGER)
            fprintf(out, "%lld|%lld|", (long long)s->min, (long long)s->max);
        else
            fprintf(out, "||");
        fprintf(out, "%s\n", s->help);
    }
}
