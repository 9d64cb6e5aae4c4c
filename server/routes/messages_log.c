/*
 * messages_log.c - a request's messages, tenant by tenant. See messages_log.h.
 */
#include "server/routes/messages_log.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/redact.h"

/* Beyond it messages are told by their ids: the log must not cost as much as the messages. */
enum { MESSAGES_LOG_FULL_OCTETS = 4096 };

struct messages_log_item {
    const char *tenant_id; /* borrowed */
    const struct draft *draft;
};

static const char *messages_log_find_tenant(const struct request *req, const struct draft *d,
                                            const char *query_tenant)
{
    const cJSON *named = json_get_value(d->source, "tenant_id");
    const char *tenant_id = d->tenant_id;

    if (!tenant_id && cJSON_IsString(named) && *named->valuestring &&
        strlen(named->valuestring) <= REQUEST_ID_OCTETS_MAX && !json_check_text(named->valuestring))
        tenant_id = named->valuestring; /* it was refused before anybody looked */
    if (!tenant_id)
        tenant_id = query_tenant;
    if (req->caller.kind == CALLER_TENANT && (!tenant_id || !request_may_use(req, tenant_id)))
        tenant_id = req->caller.tenant_id;
    return tenant_id ? tenant_id : "default";
}

/* By tenant, and within it in the order of the request. */
static int messages_log_compare(const void *a, const void *b)
{
    const struct messages_log_item *x = a, *y = b;
    int order = x->tenant_id == y->tenant_id ? 0 : strcmp(x->tenant_id, y->tenant_id);

    return order ? order : x->draft < y->draft ? -1 : x->draft > y->draft;
}

/* One row: `count` messages of one tenant. */
static enum err messages_log_add(const struct request *req, const struct messages_log_item *items,
                                 size_t count, struct command_rows *rows, struct error *err)
{
    const cJSON *priority = json_get(req->body, "default_priority");
    struct buf payload = BUF_INIT(REDACT_OCTETS_MAX);
    struct redact_list list = redact_open(&payload), messages;
    enum err rc;

    if (priority)
        redact_add(&list, priority);
    messages = redact_open_array(&list, "messages");
    for (size_t i = 0; i < count; i++) {
        if (payload.len < MESSAGES_LOG_FULL_OCTETS)
            redact_add(&messages, items[i].draft->source);
        else
            redact_add_part(&messages, items[i].draft->source, "id");
    }
    redact_close(&messages);
    redact_close(&list);
    rc = buf_check(&payload, "a row of the command log", err);
    if (!rc)
        command_rows_add(rows, items[0].tenant_id, &payload);
    buf_clear(&payload);
    return rc;
}

enum err messages_log_drafts(const struct request *req, const struct draft_batch *batch,
                             const char *query_tenant, struct command_rows *rows, struct error *err)
{
    struct messages_log_item *items = calloc(batch->count ? batch->count : 1, sizeof(*items));
    enum err rc = ERR_OK;
    size_t from = 0;

    if (!items)
        return error_set(err, ERR_NOMEM, "out of memory for the command log");
    for (size_t i = 0; i < batch->count; i++) {
        items[i].draft = &batch->items[i];
        items[i].tenant_id = messages_log_find_tenant(req, &batch->items[i], query_tenant);
    }
    qsort(items, batch->count, sizeof(*items), messages_log_compare);
    for (size_t i = 1; i <= batch->count && !rc; i++) {
        if (i < batch->count && !strcmp(items[i].tenant_id, items[from].tenant_id))
            continue;
        rc = messages_log_add(req, items + from, i - from, rows, err);
        from = i;
    }
    free(items);
    return rc;
}

/* One row: the ids of the rows [from, to), all of one tenant. */
static enum err messages_log_add_ids(const PGresult *res, int from, int to, const char *tenant_id,
                                     struct command_rows *rows, struct error *err)
{
    struct buf payload = BUF_INIT(REDACT_OCTETS_MAX);
    struct redact_list list = redact_open(&payload), ids = redact_open_array(&list, "ids");
    enum err rc;

    for (int row = from; row < to; row++)
        redact_add_text(&ids, db_str(res, row, 1));
    redact_close(&ids);
    redact_close(&list);
    rc = buf_check(&payload, "a row of the command log", err);
    if (!rc)
        command_rows_add(rows, tenant_id, &payload);
    buf_clear(&payload);
    return rc;
}

enum err messages_log_ids(const PGresult *res, const char *tenant_id, struct command_rows *rows,
                          struct error *err)
{
    int count = PQntuples(res), from = 0;
    enum err rc = ERR_OK;

    if (!count)
        return messages_log_add_ids(res, 0, 0, tenant_id, rows, err);
    for (int row = 1; row <= count && !rc; row++) {
        if (row < count && !strcmp(db_str(res, row, 0), db_str(res, from, 0)))
            continue;
        rc = messages_log_add_ids(res, from, row, db_str(res, from, 0), rows, err);
        from = row;
    }
    return rc;
}
