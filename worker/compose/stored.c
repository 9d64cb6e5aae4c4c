/*
 * stored.c - rows of load_attachments, copied. See stored.h.
 */
#include "worker/compose/stored.h"

#include <stdlib.h>

#include "common/db.h"

void stored_list_clear(struct stored_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].octets);
    free(list->items);
    *list = (struct stored_list){0};
}

enum err stored_list_read(const PGresult *res, struct stored_list *ret, struct error *err)
{
    int n = PQntuples(res);
    struct stored_list list = {.items = calloc((size_t)n + 1, sizeof(*list.items))};

    if (!list.items)
        return error_set(err, ERR_NOMEM, "out of memory for attachments");
    for (int i = 0; i < n; i++) {
        struct stored *stored = &list.items[list.count++];
        stored->ordinal = db_int(res, i, 0);
        enum err rc = db_octets(res, i, 1, &stored->octets, &stored->len, err);
        if (rc) {
            stored_list_clear(&list);
            return rc;
        }
    }
    *ret = list;
    return ERR_OK;
}

struct stored *stored_list_find(const struct stored_list *list, int64_t ordinal)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].ordinal == ordinal)
            return &list->items[i];
    return NULL;
}
