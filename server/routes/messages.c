/*
 * messages.c - add messages, delete messages.
 */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/command_log.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/intake/group.h"
#include "server/intake/insert.h"
#include "server/intake/lookup.h"
#include "server/intake/validate.h"
#include "server/notifier.h"
#include "server/routes/messages_log.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

enum { MESSAGES_TRIES = 3 };

static size_t messages_count(const struct draft_batch *batch, enum draft_fate fate)
{
    size_t n = 0;

    for (size_t i = 0; i < batch->count; i++)
        n += batch->items[i].fate == fate;
    return n;
}

static enum err messages_validate(struct request *req, struct draft_batch *batch, struct error *err)
{
    const struct config *config = req->context->config;
    const struct validate_limits limits = {
        .max_message_octets = config->max_message_bytes,
        .max_attachment_octets = config->max_attachment_bytes,
        .default_priority = validate_priority(json_get_value(req->body, "default_priority"),
                                              (int32_t)config->default_priority),
        .keys = req->context->keys,
    };
    enum err rc = ERR_OK;

    for (size_t i = 0; i < batch->count && !rc; i++)
        if (batch->items[i].fate == DRAFT_OPEN)
            rc = validate_draft(&batch->items[i], &limits, err);
    return rc;
}

/* An add-messages request. */
struct messages_addition {
    struct request *req;
    const char *tenant_id; /* borrowed; of messages that name none; NULL: the request names none */
    struct draft_batch batch;
    struct command_rows rows;
    bool logged; /* in the transaction that stored some of the messages */
};

static enum err messages_make_rows(struct messages_addition *a, struct error *err)
{
    command_rows_reset(&a->rows);
    return messages_log_drafts(a->req, &a->batch, a->tenant_id, &a->rows, err);
}

/* Find accounts, check, store. */
static enum err messages_store(struct messages_addition *a, struct error *err)
{
    const struct command_part log = {a->req, &a->rows};
    enum err rc = lookup_accounts(a->req->context->lookups, &a->batch, err);

    if (!rc)
        rc = messages_validate(a->req, &a->batch, err);
    for (int i = 0; i < MESSAGES_TRIES && !rc; i++) {
        rc = insert_settle_doubles(&a->batch, err);
        if (!rc)
            rc = messages_make_rows(a, err);
        if (!rc && !messages_count(&a->batch, DRAFT_OPEN))
            return ERR_OK;
        if (!rc)
            rc = group_store(a->req->context->group, &a->batch, &log, err);
        a->logged = !rc;
        if (rc != ERR_DB_RETRY)
            return rc;
        /* an account was deleted meanwhile */
        rc = lookup_accounts(a->req->context->lookups, &a->batch, err);
    }
    return rc ? rc
              : error_set(err, ERR_DB_RETRY, "accounts keep changing while messages are stored");
}

/* The id as the client gave it, where it is something that can be one. */
static void messages_append_rejected(const struct draft *d, struct buf *out)
{
    const cJSON *id = json_get_value(d->source, "id");
    struct object o = object_open(out);

    if (cJSON_IsString(id) || cJSON_IsNumber(id)) {
        object_key(&o, "id");
        json_append_value(out, id);
    }
    object_text(&o, "reason", d->reason);
    object_close(&o);
}

static void messages_append_all_rejected(const struct draft_batch *batch, struct buf *out)
{
    bool any = false;

    buf_append_char(out, '[');
    for (size_t i = 0; i < batch->count; i++) {
        const struct draft *d = &batch->items[i];

        if (d->fate != DRAFT_REJECTED && d->fate != DRAFT_TAKEN)
            continue;
        if (any)
            buf_append_char(out, ',');
        any = true;
        messages_append_rejected(d, out);
    }
    buf_append_char(out, ']');
}

/* Does the client know of tenants? One that does not reads no answer from 400 up. */
static bool messages_name_a_tenant(const struct messages_addition *a)
{
    if (a->tenant_id)
        return true;
    for (size_t i = 0; i < a->batch.count; i++)
        if (json_get_value(a->batch.items[i].source, "tenant_id"))
            return true;
    return false;
}

static void messages_answer(const struct messages_addition *a, struct reply *reply)
{
    const struct draft_batch *batch = &a->batch;
    size_t stored = messages_count(batch, DRAFT_STORED);
    bool refused = batch->count && messages_count(batch, DRAFT_REJECTED) == batch->count &&
                   messages_name_a_tenant(a);
    struct object o = object_open(reply_json(reply, refused ? 400 : 200));

    if (refused) {
        struct object detail;

        object_key(&o, "detail");
        detail = object_open(o.out);
        object_text(&detail, "error", "all messages rejected");
        object_key(&detail, "rejected");
        messages_append_all_rejected(batch, o.out);
        object_close(&detail);
    }
    object_bool(&o, "ok", !refused);
    object_int(&o, "queued", (int64_t)stored);
    object_key(&o, "rejected");
    messages_append_all_rejected(batch, o.out);
    object_close(&o);
}

static void messages_add_all(struct messages_addition *a, struct reply *reply)
{
    struct draft_batch *batch = &a->batch;
    struct request *req = a->req;
    struct error err;
    enum err rc = draft_batch_new(json_get(req->body, "messages"), batch, &err);

    for (size_t i = 0; i < batch->count; i++)
        draft_identify(&batch->items[i], a->tenant_id, req->caller.tenant_id);
    if (!rc)
        rc = messages_store(a, &err);
    request_give_db(req);
    if (rc) {
        reply_error(reply, &err);
        return;
    }
    if (messages_count(batch, DRAFT_STORED))
        notifier_poke(req->context->notifier);
    messages_answer(a, reply);
    if (!a->logged && batch->count)
        command_log_note(req, "addMessages", &a->rows, reply->status);
}

/* In the body, else in the query. What cannot be a tenant's id does not fail the whole batch. */
static const char *messages_named_tenant(const struct request *req)
{
    const char *named = value_given(req->body, "tenant_id");

    return named && !json_check_text(named) && strlen(named) <= DRAFT_ID_OCTETS_MAX
               ? named
               : value_given(req->query, "tenant_id");
}

void messages_add(struct request *req, struct reply *reply)
{
    struct messages_addition addition = {.req = req, .tenant_id = messages_named_tenant(req)};

    if (cJSON_GetArraySize(json_get(req->body, "messages")) > DRAFT_BATCH_MAX) {
        buf_printf(reply_json(reply, 400),
                   "{\"detail\":{\"error\":\"Cannot enqueue more than %d messages at "
                   "once\",\"rejected\":null}}",
                   DRAFT_BATCH_MAX);
        command_log_refusal(req, reply, "addMessages",
                            req->caller.tenant_id ? req->caller.tenant_id : addition.tenant_id);
        return;
    }
    request_give_db(req);
    addition.rows = command_rows_empty();
    messages_add_all(&addition, reply);
    command_rows_clear(&addition.rows);
    draft_batch_clear(&addition.batch);
}

/* The ids to delete, but empty ones. */
static void messages_read_ids(const cJSON *body, struct db_array *ids)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json_get_value(body, "ids"))
    {
        if (*item->valuestring)
            db_array_text(ids, item->valuestring);
    }
}

/* Pair each id with its tenant: the one given, or (NULL) the one that has the id. */
static enum err messages_pair(struct db_conn *db, const char *tenant_id, struct db_array *ids,
                              struct db_array *tenant_ids, struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    if (tenant_id) {
        for (uint32_t i = 0; i < ids->count; i++)
            db_array_text(tenant_ids, tenant_id);
        return ERR_OK;
    }
    rc = db_array_check(ids, err);
    db_param_array(&params, ids);
    if (!rc)
        rc = db_run(db, &SQL_FIND_MESSAGE_TENANTS, &params, &res, err);
    if (!rc) {
        db_array_reset(ids);
        for (int i = 0; i < PQntuples(res); i++) {
            db_array_text(ids, db_str(res, i, 0));
            db_array_text(tenant_ids, db_str(res, i, 1));
        }
    }
    PQclear(res);
    return rc;
}

/* A delete-messages request. */
struct messages_deletion {
    const struct request *req;
    const char *tenant_id; /* NULL: where each id is */
    struct db_array ids, tenant_ids;
    PGresult *res; /* owned; what became of each */
};

/* transaction_fn */
static enum err messages_remove(struct db_conn *db, void *arg, struct error *err)
{
    struct messages_deletion *d = arg;
    struct command_rows rows = command_rows_empty();
    struct db_params params = {0};
    enum err rc;

    PQclear(d->res);
    d->res = NULL;
    db_param_array(&params, &d->tenant_ids);
    db_param_array(&params, &d->ids);
    rc = db_run(db, &SQL_DELETE_MESSAGES, &params, &d->res, err);
    if (!rc)
        rc = messages_log_ids(d->res, d->tenant_id, &rows, err);
    if (!rc)
        rc = command_log_append_rows(db, d->req, "deleteMessages", &rows, 200, err);
    command_rows_clear(&rows);
    return rc;
}

static void messages_append_verdicts(struct buf *out, const PGresult *res, const char *verdict)
{
    int n = 0;

    buf_append_char(out, '[');
    for (int i = 0; i < PQntuples(res); i++) {
        if (strcmp(db_str(res, i, 2), verdict) != 0)
            continue;
        if (n++)
            buf_append_char(out, ',');
        json_append_string(out, db_str(res, i, 1));
    }
    buf_append_char(out, ']');
}

static void messages_answer_delete(const PGresult *res, struct reply *reply)
{
    struct object o = object_open(reply_json(reply, 200));
    int64_t removed = 0, busy = 0;

    for (int i = 0; i < PQntuples(res); i++) {
        removed += !strcmp(db_str(res, i, 2), "removed");
        busy += !strcmp(db_str(res, i, 2), "busy");
    }
    object_bool(&o, "ok", true);
    object_int(&o, "removed", removed);
    object_key(&o, "not_found");
    messages_append_verdicts(o.out, res, "not_found");
    object_raw(&o, "unauthorized", "[]");
    if (busy) {
        object_key(&o, "busy");
        messages_append_verdicts(o.out, res, "busy");
    }
    object_close(&o);
}

void messages_delete(struct request *req, struct reply *reply)
{
    struct messages_deletion d = {.req = req};
    struct db_conn *db;
    struct error err;
    enum err rc;

    if (!request_tenant(req, value_text(req->body, "tenant_id"), &d.tenant_id, reply))
        return;
    d.ids = db_array_of(DB_TEXT);
    d.tenant_ids = db_array_of(DB_TEXT);
    messages_read_ids(req->body, &d.ids);
    rc = request_db(req, &db, &err);
    if (!rc)
        rc = messages_pair(db, d.tenant_id, &d.ids, &d.tenant_ids, &err);
    if (!rc)
        rc = db_array_check(&d.ids, &err);
    if (!rc)
        rc = db_array_check(&d.tenant_ids, &err);
    if (!rc)
        rc = transaction_run(db, messages_remove, &d, &err);
    if (rc)
        reply_error(reply, &err);
    else
        messages_answer_delete(d.res, reply);
    PQclear(d.res);
    db_array_clear(&d.ids);
    db_array_clear(&d.tenant_ids);
}
