/*
 * large_file.c - one attachment against its tenant's wish. See large_file.h.
 */
#include "worker/compose/large_file.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"

#define LARGE_FILE_MIB 1048576.0

struct large_file_policy large_file_read(const char *json)
{
    struct large_file_policy policy = {LARGE_FILE_SEND, 10.0};
    cJSON *config = json ? cJSON_Parse(json) : NULL;
    const cJSON *enabled = json_get_value(config, "enabled"),
                *max = json_get_value(config, "max_size_mb"),
                *action = json_get_value(config, "action");
    bool on = false;

    if (enabled && json_to_bool(enabled, &on) && on && cJSON_IsString(action))
        policy.action = !strcmp(action->valuestring, "reject") ? LARGE_FILE_REJECT
                        : !strcmp(action->valuestring, "warn") ? LARGE_FILE_WARN
                                                               : LARGE_FILE_SEND;
    else if (on && !action)
        policy.action = LARGE_FILE_WARN;
    if (cJSON_IsNumber(max) && max->valuedouble > 0)
        policy.max_mib = max->valuedouble;
    cJSON_Delete(config);
    return policy;
}

enum err large_file_check(const struct large_file_policy *policy, const char *filename,
                          size_t octets, struct error *err)
{
    double mib = (double)octets / LARGE_FILE_MIB;

    if (policy->action == LARGE_FILE_SEND || mib <= policy->max_mib)
        return ERR_OK;
    error_set(err, ERR_LIMIT, "Attachment '%s' (%.1f MB) exceeds limit (%.1f MB)", filename, mib,
              policy->max_mib);
    if (policy->action == LARGE_FILE_REJECT)
        return ERR_LIMIT;
    log_error(LOG_WARN, "compose", "large_attachment", err);
    return ERR_OK;
}
