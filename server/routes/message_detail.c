/*
 * message_detail.c - GET /message/{id}: one message, what has happened to it, and why it is not
 * sent.
 */
#include <string.h>

#include "common/json.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/listing_page.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

/* The columns of list_attempts, in order. */
enum message_detail_column {
    MESSAGE_DETAIL_ATTEMPT,
    MESSAGE_DETAIL_STARTED_TS,
    MESSAGE_DETAIL_ENDED_TS,
    MESSAGE_DETAIL_TOOK_MS,
    MESSAGE_DETAIL_OUTCOME,
    MESSAGE_DETAIL_IN_DOUBT,
    MESSAGE_DETAIL_PHASE,
    MESSAGE_DETAIL_CODE,
    MESSAGE_DETAIL_STATUS,
    MESSAGE_DETAIL_REPLY,
    MESSAGE_DETAIL_WORKER,
    MESSAGE_DETAIL_RECIPIENTS,
};

/* Four answers of the database, each as of its own moment. All owned. */
struct message_detail {
    PGresult *message, *events, *attempts, *sentences;
};

static void message_detail_clear(struct message_detail *d)
{
    PQclear(d->message);
    PQclear(d->events);
    PQclear(d->attempts);
    PQclear(d->sentences);
}

/* Which of the messages of that id is meant: the only one, else that of `default`. -1: none. */
static int message_detail_choose(const PGresult *found)
{
    for (int i = 0; i < PQntuples(found) && PQntuples(found) > 1; i++)
        if (!strcmp(db_str(found, i, 1), "default"))
            return i;
    return PQntuples(found) == 1 ? 0 : -1;
}

/* Where is it? *ret: owned; *ret_row -1: nowhere. */
static enum err message_detail_find(struct request *req, const char *tenant_id, PGresult **ret,
                                    int *ret_row, struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    enum err rc = request_db(req, &db, err);

    db_param_text(&p, tenant_id);
    db_param_text(&p, value_text(req->params, "id"));
    if (!rc)
        rc = db_run(db, &SQL_FIND_MESSAGE, &p, ret, err);
    if (!rc)
        *ret_row = message_detail_choose(*ret);
    return rc;
}

/* The message itself, as in the list. */
static enum err message_detail_read_message(struct request *req, int64_t message_pk,
                                            struct message_detail *d, struct error *err)
{
    const struct listing_filter any = {0};
    const struct listing_key nowhere = {0};
    struct db_array pks = db_array_of(DB_INT8);
    enum err rc;

    db_array_int(&pks, message_pk);
    rc = db_array_check(&pks, err);
    if (!rc)
        rc = listing_page_read(req, &any, &nowhere, &pks, 1, &d->message, err);
    if (!rc)
        rc = listing_page_read_events(req, d->message, &d->events, err);
    db_array_clear(&pks);
    return rc;
}

static enum err message_detail_read(struct request *req, const PGresult *found, int row,
                                    struct message_detail *d, struct error *err)
{
    struct db_params attempts = {0}, sentences = {0};
    struct db_conn *db;
    enum err rc = message_detail_read_message(req, db_int(found, row, 0), d, err);

    db_param_int(&attempts, db_int(found, row, 0));
    db_param_int(&attempts, db_int(found, row, 2));
    db_param_text(&sentences, db_str(found, row, 1));
    db_param_text(&sentences, value_text(req->params, "id"));
    if (!rc)
        rc = request_db(req, &db, err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_ATTEMPTS, &attempts, &d->attempts, err);
    if (!rc)
        rc = db_run(db, &SQL_EXPLAIN_MESSAGE, &sentences, &d->sentences, err);
    return rc;
}

static void message_detail_append_attempt(const PGresult *res, int row, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "attempt", db_int(res, row, MESSAGE_DETAIL_ATTEMPT));
    object_int(&o, "started_ts", db_int(res, row, MESSAGE_DETAIL_STARTED_TS));
    object_int(&o, "ended_ts", db_int(res, row, MESSAGE_DETAIL_ENDED_TS));
    object_raw(&o, "duration_ms", db_str(res, row, MESSAGE_DETAIL_TOOK_MS));
    object_text(&o, "outcome", db_str(res, row, MESSAGE_DETAIL_OUTCOME));
    object_bool(&o, "in_doubt", db_bool(res, row, MESSAGE_DETAIL_IN_DOUBT));
    object_text(&o, "phase", db_str(res, row, MESSAGE_DETAIL_PHASE));
    object_raw(&o, "code", db_str(res, row, MESSAGE_DETAIL_CODE));
    object_text(&o, "enhanced_code", db_str(res, row, MESSAGE_DETAIL_STATUS));
    object_text(&o, "reply", db_str(res, row, MESSAGE_DETAIL_REPLY));
    object_text(&o, "worker", db_str(res, row, MESSAGE_DETAIL_WORKER));
    listing_page_append_json(&o, "recipients", db_str(res, row, MESSAGE_DETAIL_RECIPIENTS));
    object_close(&o);
}

static void message_detail_write(const struct message_detail *d, struct buf *out)
{
    buf_append_str(out, "{\"ok\":true,\"message\":");
    listing_page_append_row(d->message, 0, d->events, out);
    buf_append_str(out, ",\"explanation\":[");
    for (int i = 0; i < PQntuples(d->sentences); i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, db_str(d->sentences, i, 0));
    }
    buf_append_str(out, "],\"attempts\":[");
    for (int i = 0; i < PQntuples(d->attempts); i++) {
        if (i)
            buf_append_char(out, ',');
        message_detail_append_attempt(d->attempts, i, out);
    }
    buf_append_str(out, "]}");
}

void message_detail_get(struct request *req, struct reply *reply)
{
    struct message_detail d = {0};
    PGresult *found = NULL;
    const char *tenant_id;
    struct error err;
    int row = -1;
    enum err rc;

    if (!request_tenant(req, NULL, &tenant_id, reply))
        return;
    rc = message_detail_find(req, tenant_id, &found, &row, &err);
    if (!rc && row >= 0)
        rc = message_detail_read(req, found, row, &d, &err);
    if (rc)
        reply_error(reply, &err);
    else if (row < 0 || !PQntuples(d.message)) /* or it was deleted between the two */
        reply_detail(reply, 404, "message not found");
    else
        message_detail_write(&d, reply_json(reply, 200));
    PQclear(found);
    message_detail_clear(&d);
}
