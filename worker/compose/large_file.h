/*
 * large_file.h - what a tenant wants done about large attachments: its large_file_config
 * {"enabled","max_size_mb","action": "warn"|"reject"|"rewrite"}. Rewriting them as links is stored,
 * not done: they are sent as they are.
 */
#ifndef WORKER_COMPOSE_LARGE_FILE_H
#define WORKER_COMPOSE_LARGE_FILE_H

#include <stddef.h>

#include "common/error.h"

enum large_file_action { LARGE_FILE_SEND, LARGE_FILE_WARN, LARGE_FILE_REJECT };

struct large_file_policy {
    enum large_file_action action;
    double max_mib;
};

/* `json`: the tenant's configuration; NULL, or one that cannot be read: all are sent. */
struct large_file_policy large_file_read(const char *json);
/* ERR_LIMIT: it is to be rejected; err->text is the message's error. Warns in the log. */
enum err large_file_check(const struct large_file_policy *policy, const char *filename,
                          size_t octets, struct error *err) MUST_CHECK;

#endif
