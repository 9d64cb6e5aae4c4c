/*
 * settled.c - recipients that are done while others are not. See settled.h.
 */
#include "worker/record/settled.h"

#include <string.h>

cJSON *settled_parse(const char *json)
{
    cJSON *list = json ? cJSON_Parse(json) : NULL;

    if (cJSON_IsArray(list))
        return list;
    cJSON_Delete(list);
    return cJSON_CreateArray();
}

bool settled_add(cJSON *list, const char *address, enum outcome outcome, int code,
                 const char *reason)
{
    cJSON *item = cJSON_CreateObject();

    if (!item || !cJSON_AddStringToObject(item, "address", address) ||
        !cJSON_AddStringToObject(item, "outcome", policy_outcome_name(outcome)) ||
        (code && !cJSON_AddNumberToObject(item, "code", code)) ||
        (reason && !cJSON_AddStringToObject(item, "reason", reason)) ||
        !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

static bool settled_is(const cJSON *item, enum outcome outcome)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "outcome"));

    return text && !strcmp(text, policy_outcome_name(outcome));
}

uint32_t settled_count(const cJSON *list, enum outcome outcome)
{
    const cJSON *item;
    uint32_t count = 0;

    cJSON_ArrayForEach(item, list) count += settled_is(item, outcome);
    return count;
}

char *settled_print_refused(const cJSON *list)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *refused = object ? cJSON_AddArrayToObject(object, "refused") : NULL;
    const cJSON *item;
    char *text = NULL;

    if (!refused)
        goto out;
    cJSON_ArrayForEach(item, list)
    {
        cJSON *copy;

        if (!settled_is(item, OUTCOME_ERROR))
            continue;
        copy = cJSON_Duplicate(item, true);
        if (!copy || !cJSON_AddItemToArray(refused, copy)) {
            cJSON_Delete(copy);
            goto out;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "outcome");
    }
    text = cJSON_PrintUnformatted(object);
out:
    cJSON_Delete(object);
    return text;
}
