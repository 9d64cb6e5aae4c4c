/*
 * command_log.c - rows of the command log. See command_log.h.
 */
#include "server/command_log.h"

#include <stdio.h>

#include "common/json.h"
#include "common/log.h"
#include "server/redact.h"
#include "server/transaction.h"
#include "sql/statements.h"

struct command_rows command_rows_empty(void)
{
    return (struct command_rows){.tenant_ids = db_array_of(DB_TEXT),
                                 .payloads = db_array_of(DB_JSON)};
}

void command_rows_clear(struct command_rows *rows)
{
    db_array_clear(&rows->tenant_ids);
    db_array_clear(&rows->payloads);
}

void command_rows_reset(struct command_rows *rows)
{
    db_array_reset(&rows->tenant_ids);
    db_array_reset(&rows->payloads);
}

void command_rows_add(struct command_rows *rows, const char *tenant_id, const struct buf *payload)
{
    db_array_text(&rows->tenant_ids, tenant_id);
    db_array_octets(&rows->payloads, payload->data, payload->len);
}

/* The members of an object that none of the others has, which say it with more right. */
static void command_log_add_new(struct redact_list *list, const cJSON *object, const cJSON *path,
                                const cJSON *body)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        if (!json_get(path, item->string) && !json_get_value(body, item->string))
            redact_add(list, item);
    }
}

/* The request as it is kept. */
static void command_log_append_request(const struct request *req, struct buf *out)
{
    struct redact_list list = redact_open(out);

    redact_add_members(&list, req->params);
    command_log_add_new(&list, req->query, req->params, req->body);
    redact_add_members(&list, cJSON_IsObject(req->body) ? req->body : NULL);
    redact_close(&list);
}

void command_log_actor(const struct request *req, char ret[COMMAND_LOG_ACTOR_OCTETS])
{
    if (req->caller.kind == CALLER_TENANT)
        snprintf(ret, COMMAND_LOG_ACTOR_OCTETS, "tenant:%s", req->caller.tenant_id);
    else
        snprintf(ret, COMMAND_LOG_ACTOR_OCTETS, "%s",
                 req->caller.kind == CALLER_ADMIN ? "admin" : "open");
}

enum err command_log_append_parts(struct db_conn *db, const char *endpoint,
                                  const struct command_part *parts, size_t count, int status,
                                  struct error *err)
{
    struct db_array actors = db_array_of(DB_TEXT);
    struct command_rows all = command_rows_empty();
    char actor[COMMAND_LOG_ACTOR_OCTETS];
    struct db_params p = {0};
    PGresult *res = NULL;
    enum err rc;

    for (size_t i = 0; i < count; i++) {
        command_log_actor(parts[i].req, actor);
        for (uint32_t k = 0; k < parts[i].rows->tenant_ids.count; k++)
            db_array_text(&actors, actor);
        db_array_concat(&all.tenant_ids, &parts[i].rows->tenant_ids);
        db_array_concat(&all.payloads, &parts[i].rows->payloads);
    }
    rc = db_array_check(&actors, err);
    if (!rc)
        rc = db_array_check(&all.tenant_ids, err);
    if (!rc)
        rc = db_array_check(&all.payloads, err);
    db_param_text(&p, endpoint);
    db_param_int(&p, status);
    db_param_array(&p, &actors);
    db_param_array(&p, &all.tenant_ids);
    db_param_array(&p, &all.payloads);
    if (!rc)
        rc = db_run(db, &SQL_APPEND_COMMANDS, &p, &res, err);
    PQclear(res);
    db_array_clear(&actors);
    command_rows_clear(&all);
    return rc;
}

enum err command_log_append_rows(struct db_conn *db, const struct request *req,
                                 const char *endpoint, const struct command_rows *rows, int status,
                                 struct error *err)
{
    const struct command_part part = {req, rows};

    return command_log_append_parts(db, endpoint, &part, 1, status, err);
}

/* One row that holds the whole request. */
static enum err command_log_make_row(const struct request *req, const char *tenant_id,
                                     struct command_rows *rows, struct error *err)
{
    struct buf payload = BUF_INIT(REDACT_OCTETS_MAX);
    enum err rc;

    command_log_append_request(req, &payload);
    rc = buf_check(&payload, "a row of the command log", err);
    if (!rc)
        command_rows_add(rows, tenant_id, &payload);
    buf_clear(&payload);
    return rc;
}

enum err command_log_append(struct db_conn *db, const struct request *req, const char *endpoint,
                            const char *tenant_id, struct error *err)
{
    struct command_rows rows = command_rows_empty();
    enum err rc = command_log_make_row(req, tenant_id, &rows, err);

    if (!rc)
        rc = command_log_append_rows(db, req, endpoint, &rows, 200, err);
    command_rows_clear(&rows);
    return rc;
}

void command_log_note(struct request *req, const char *endpoint, const struct command_rows *rows,
                      int status)
{
    struct db_conn *db;
    struct error err;
    enum err rc = request_db(req, &db, &err);

    if (!rc)
        rc = command_log_append_rows(db, req, endpoint, rows, status, &err);
    if (rc)
        log_error(LOG_WARN, "http", "command_not_logged", &err);
}

void command_log_refusal(struct request *req, const struct reply *reply, const char *endpoint,
                         const char *tenant_id)
{
    struct command_rows rows;
    struct error err;

    if (reply->status != 400)
        return;
    rows = command_rows_empty();
    if (command_log_make_row(req, tenant_id, &rows, &err))
        log_error(LOG_WARN, "http", "command_not_logged", &err);
    else
        command_log_note(req, endpoint, &rows, 400);
    command_rows_clear(&rows);
}
