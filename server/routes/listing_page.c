/*
 * listing_page.c - messages of the list: read, and as JSON. See listing_page.h.
 */
#include "server/routes/listing_page.h"

#include <inttypes.h>
#include <string.h>

#include "common/json.h"
#include "server/routes/client_auth.h"
#include "sql/statements.h"

enum err listing_page_read(struct request *req, const struct listing_filter *filter,
                           const struct listing_key *after, const struct db_array *these,
                           int64_t most, PGresult **ret, struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    enum err rc = request_db(req, &db, err);

    db_param_text(&p, filter->tenant_id);
    db_param_bool(&p, filter->active_only);
    db_param_text(&p, filter->status);
    db_param_text(&p, filter->account_id);
    db_param_text(&p, filter->batch_code);
    listing_key_params(&p, after);
    db_param_int(&p, most < LISTING_PAGE_MAX ? most : LISTING_PAGE_MAX);
    if (these)
        db_param_array(&p, these);
    else
        db_param_null(&p);
    return rc ? rc : db_run(db, &SQL_LIST_MESSAGES, &p, ret, err);
}

enum err listing_page_read_events(struct request *req, const PGresult *page, PGresult **ret,
                                  struct error *err)
{
    struct db_array pks = db_array_of(DB_INT8);
    struct db_params p = {0};
    int64_t oldest_us = INT64_C(253402300799000000); /* the end of the year 9999 */
    struct db_conn *db;
    enum err rc;

    for (int i = 0; i < PQntuples(page); i++) {
        int64_t created_us = db_int(page, i, LISTING_CREATED_US);

        if (!db_bool(page, i, LISTING_WANTED))
            continue;
        db_array_int(&pks, db_int(page, i, LISTING_PK));
        if (created_us < oldest_us)
            oldest_us = created_us;
    }
    rc = db_array_check(&pks, err);
    db_param_array(&p, &pks);
    db_param_int(&p, oldest_us);
    if (!rc)
        rc = request_db(req, &db, err);
    if (!rc)
        rc = db_run(db, &SQL_LIST_EVENTS, &p, ret, err);
    db_array_clear(&pks);
    return rc;
}

enum err listing_page_key(const PGresult *page, int row, struct listing_key *ret, struct error *err)
{
    return listing_key_set(ret, db_int(page, row, LISTING_PRIORITY),
                           db_int(page, row, LISTING_CREATED_US), db_str(page, row, LISTING_ID),
                           db_str(page, row, LISTING_TENANT_ID), err);
}

void listing_page_append_json(struct object *o, const char *key, const char *text)
{
    cJSON *value = text ? cJSON_Parse(text) : NULL;

    if (value) {
        object_key(o, key);
        json_append_value(o->out, value);
    }
    cJSON_Delete(value);
}

static void listing_page_append_time(struct object *o, const char *key, const PGresult *res,
                                     int row, int column)
{
    if (!db_is_null(res, row, column))
        object_int(o, key, db_int(res, row, column));
}

/* The first event of a message, among events sorted by message; their number when it has none. */
static int listing_page_find_events(const PGresult *events, int64_t message_pk)
{
    int low = 0, high = PQntuples(events);

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (db_int(events, middle, 0) < message_pk)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void listing_page_append_history(struct object *o, const PGresult *events,
                                        int64_t message_pk)
{
    int first = listing_page_find_events(events, message_pk);

    object_key(o, "history");
    buf_append_char(o->out, '[');
    for (int i = first; i < PQntuples(events) && db_int(events, i, 0) == message_pk; i++) {
        struct object e;

        if (i > first)
            buf_append_char(o->out, ',');
        e = object_open(o->out);
        object_int(&e, "event_id", db_int(events, i, 1));
        object_text(&e, "event_type", db_str(events, i, 2));
        object_int(&e, "event_ts", db_int(events, i, 3));
        object_text(&e, "description", db_str(events, i, 4));
        listing_page_append_json(&e, "metadata", db_str(events, i, 5));
        listing_page_append_time(&e, "reported_ts", events, i, 6);
        object_close(&e);
    }
    buf_append_char(o->out, ']');
}

/* Mask the credentials that attachments brought along. */
static void listing_page_mask_auth(cJSON *content)
{
    cJSON *attachment;

    cJSON_ArrayForEach(attachment, cJSON_GetObjectItemCaseSensitive(content, "attachments"))
    {
        cJSON *mask = cJSON_GetObjectItemCaseSensitive(attachment, "auth")
                          ? cJSON_CreateString(CLIENT_AUTH_MASK)
                          : NULL;

        if (mask)
            cJSON_ReplaceItemInObjectCaseSensitive(attachment, "auth", mask);
        else
            cJSON_DeleteItemFromObjectCaseSensitive(attachment, "auth");
    }
}

/* The message as the client sent it. The stored text is passed on as it is but where it holds a
 * secret. */
static void listing_page_append_content(struct object *o, const char *content, int64_t retries)
{
    size_t len = content ? strlen(content) : 0;
    cJSON *masked = NULL;

    object_key(o, "message");
    if (!len || content[len - 1] != '}') {
        buf_append_str(o->out, "{}"); /* its content has left with its day's partition */
        return;
    }
    if (strstr(content, "\"auth\":{"))
        masked = cJSON_Parse(content);
    if (masked) {
        listing_page_mask_auth(masked);
        json_append_value(o->out, masked);
        buf_truncate(o->out, o->out->len - 1);
    } else {
        buf_append(o->out, content, len - 1);
    }
    cJSON_Delete(masked);
    if (retries > 0)
        buf_printf(o->out, "%s\"retry_count\":%" PRId64, len > 2 ? "," : "", retries);
    buf_append_char(o->out, '}');
}

void listing_page_append_row(const PGresult *res, int row, const PGresult *events, struct buf *out)
{
    struct object o = object_open(out);

    object_text(&o, "pk", db_str(res, row, LISTING_PK));
    object_text(&o, "id", db_str(res, row, LISTING_ID));
    object_text(&o, "tenant_id", db_str(res, row, LISTING_TENANT_ID));
    object_text(&o, "tenant_name", db_str(res, row, LISTING_TENANT_NAME));
    object_text(&o, "account_id", db_str(res, row, LISTING_ACCOUNT_ID));
    object_int(&o, "priority", db_int(res, row, LISTING_PRIORITY));
    object_text(&o, "batch_code", db_str(res, row, LISTING_BATCH_CODE));
    object_text(&o, "status", db_str(res, row, LISTING_STATUS));
    listing_page_append_time(&o, "deferred_ts", res, row, LISTING_DEFERRED_TS);
    object_text(&o, "deferred_reason", db_str(res, row, LISTING_DEFERRED_REASON));
    listing_page_append_time(&o, "sent_ts", res, row, LISTING_SENT_TS);
    listing_page_append_time(&o, "error_ts", res, row, LISTING_ERROR_TS);
    object_text(&o, "error", db_str(res, row, LISTING_ERROR));
    listing_page_append_time(&o, "reported_ts", res, row, LISTING_REPORTED_TS);
    listing_page_append_time(&o, "bounce_ts", res, row, LISTING_BOUNCE_TS);
    object_text(&o, "bounce_type", db_str(res, row, LISTING_BOUNCE_TYPE));
    object_text(&o, "bounce_code", db_str(res, row, LISTING_BOUNCE_CODE));
    object_text(&o, "bounce_reason", db_str(res, row, LISTING_BOUNCE_REASON));
    object_time(&o, "created_at", db_int(res, row, LISTING_CREATED_US));
    object_time(&o, "updated_at", db_int(res, row, LISTING_UPDATED_US));
    object_bool(&o, "is_pec", db_bool(res, row, LISTING_IS_PEC));
    listing_page_append_content(&o, db_str(res, row, LISTING_CONTENT),
                                db_int(res, row, LISTING_RETRIES));
    if (events)
        listing_page_append_history(&o, events, db_int(res, row, LISTING_PK));
    object_close(&o);
}
