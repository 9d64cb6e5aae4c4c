/*
 * config.h - the settings: the environment, read once into a const struct.
 *
 * One table (config.c) holds every setting's name, kind, default, bounds and help; docs/config.md
 * is checked against it by a test. Each setting NAME can also come from the file that NAME_FILE
 * points to (its first line, or all of it for keys), which is how secrets are mounted. A bad value
 * stops the start with its name, value and bounds.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/log.h"

enum { CONFIG_DELAYS_MAX = 32 };

struct config_delays {
    int32_t seconds[CONFIG_DELAYS_MAX];
    uint32_t count; /* as many retries as entries */
};

/* Field names are the settings' names in lower case. Strings are owned by the struct; NULL: not
 * set. */
struct config {
    char *database_url;
    char *database_pooler_url; /* NULL: none */
    char *role_prefix;
    char *host;
    int64_t port;
    char *api_token;
    char *encryption_key; /* MAIL_PROXY_ENCRYPTION_KEY: base64, several comma-separated, newest
                             first */
    enum log_level log_level;
    struct config_delays retry_delays;
    int64_t retry_max_age; /* seconds; 0: none */
    int64_t batch_size_per_account;
    int64_t default_priority;
    int64_t priority_age;  /* seconds; 0: never */
    int64_t sync_interval; /* seconds */
    char *timezone;
    char *client_sync_url;
    char *client_sync_user;
    char *client_sync_password;
    char *client_sync_token;
    int64_t delivery_report_retention_seconds;
    int64_t content_retention_seconds; /* 0: for ever */
    int64_t history_retention_seconds; /* 0: for ever */
    int64_t max_body_bytes;
    int64_t max_message_bytes;
    int64_t max_attachment_bytes;
    char *attachment_base_dir;
    char *allow_private_hosts;
    char *metrics_token;
    bool require_tls_for_auth;
    char *ca_file;
    int64_t lease_seconds;
    char *state_dir; /* NULL: what was seen of the database is not kept */
    int64_t worker_connections;
    int64_t max_connections_per_account;
    int64_t max_bodies_in_flight_bytes; /* server: request bodies held at once */
    int64_t http_threads;
    int64_t db_pool_size;
    int64_t db_pool_wait_ms;
    bool allow_open_listen;       /* listen beyond loopback although no admin token is set */
    int64_t worker_memory_bytes;  /* worker: composed messages held at once */
    char *helo_name;              /* NULL: the host's name */
    int64_t smtp_timeout;         /* seconds; 0: RFC 5321 4.5.3.2 */
    int64_t sync_connect_timeout; /* seconds */
    int64_t sync_timeout;         /* seconds, whole call */
    int64_t attachment_timeout;   /* seconds, whole fetch */
    int64_t cache_memory_max_mb;
    int64_t cache_memory_ttl_seconds;
    char *cache_disk_dir; /* NULL: nothing is cached on disk */
    int64_t cache_disk_max_mb;
    int64_t cache_disk_ttl_seconds;
    int64_t cache_disk_threshold_kb;
    int64_t shutdown_grace_seconds;
};

/* Read the environment. ERR_CONFIG names the setting, its value (secrets: not the value) and the
 * bounds. */
enum err config_load(struct config **ret, struct error *err) MUST_CHECK;
void config_free(struct config *config); /* wipes secrets */

/* "NAME=value" lines of the effective settings, secrets masked as *** (check-config). */
void config_print(const struct config *config, FILE *out);
/* "NAME|kind|default|min|max|help" lines of the table, for docs and the test that compares them. */
void config_print_table(FILE *out);

#endif
