/*
 * attachment_list.c - read, counted, measured. See attachment_list.h.
 */
#include "worker/compose/attachment_list.h"

#include <stdlib.h>

#include "worker/compose/large_file.h"

enum { ATTACHMENT_LIST_MAX = 1000 }; /* more than any client sends */

void attachment_list_clear(struct attachment_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        attachment_clear(&list->items[i]);
    free(list->items);
    *list = (struct attachment_list){0};
}

enum err attachment_list_read(const cJSON *array, struct stored_list *stored,
                              struct attachment_list *ret, struct error *err)
{
    size_t count = cJSON_IsArray(array) ? (size_t)cJSON_GetArraySize(array) : 0;
    const cJSON *item = count ? array->child : NULL;

    if (count > ATTACHMENT_LIST_MAX)
        return error_set(err, ERR_INPUT, "invalid attachments: more than %d", ATTACHMENT_LIST_MAX);
    ret->items = calloc(count + 1, sizeof(*ret->items));
    if (!ret->items)
        return error_set(err, ERR_NOMEM, "out of memory for attachments");
    for (size_t i = 0; i < count; i++, item = item->next) {
        struct stored *octets = stored_list_find(stored, (int64_t)i);
        struct attachment *a = &ret->items[ret->count];
        enum err rc = attachment_read(item, octets, a, err);

        if (rc != ERR_NOMEM)
            ret->count++;
        if (rc)
            return rc;
        if (octets) {
            a->octets = octets->octets;
            a->len = octets->len;
            octets->octets = NULL;
        }
    }
    return ERR_OK;
}

enum err attachment_list_check_total(const struct attachment_list *list, int64_t max_octets,
                                     struct error *err)
{
    size_t total = 0;

    for (size_t i = 0; i < list->count; i++)
        total += list->items[i].len;
    if (total > (size_t)max_octets)
        return error_set(err, ERR_LIMIT, "all attachments together are larger than %lld octets",
                         (long long)max_octets);
    return ERR_OK;
}

enum err attachment_list_check_large(const struct attachment_list *list, const char *config,
                                     struct error *err)
{
    struct large_file_policy policy = large_file_read(config);
    enum err rc = ERR_OK;

    for (size_t i = 0; i < list->count && !rc; i++)
        rc = large_file_check(&policy, list->items[i].filename, list->items[i].len, err);
    return rc;
}
