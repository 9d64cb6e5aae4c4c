/*
 * listing.c - GET /messages: pages of rows become one stream.
 *
 * Each page is a statement of its own, and the connection goes back to the pool before the page is
 * written: a slow client holds a thread and one page, nothing else. Rows are found again by the key
 * they are sorted by, which is also what the opaque cursor `next` holds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "common/json.h"
#include "common/token.h"
#include "server/http/fields.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/client_auth.h"
#include "server/routes/routes.h"
#include "sql/statements.h"

enum { LISTING_PAGE_MAX = 500, LISTING_CURSOR_OCTETS_MAX = 4096 };

/* What list_messages gives. */
enum listing_column {
    LISTING_WANTED,
    LISTING_PK,
    LISTING_ID,
    LISTING_TENANT_ID,
    LISTING_TENANT_NAME,
    LISTING_ACCOUNT_ID,
    LISTING_PRIORITY,
    LISTING_BATCH_CODE,
    LISTING_STATUS,
    LISTING_DEFERRED_TS,
    LISTING_DEFERRED_REASON,
    LISTING_SENT_TS,
    LISTING_ERROR_TS,
    LISTING_ERROR,
    LISTING_REPORTED_TS,
    LISTING_BOUNCE_TS,
    LISTING_BOUNCE_TYPE,
    LISTING_BOUNCE_CODE,
    LISTING_BOUNCE_REASON,
    LISTING_CREATED_US,
    LISTING_UPDATED_US,
    LISTING_IS_PEC,
    LISTING_RETRIES,
    LISTING_CONTENT,
};

/* The last row seen, in the order of the list. */
struct listing_key {
    int64_t priority, created_us;
    char *message_id, *tenant_id; /* owned */
};

struct listing {
    const char *tenant_id, *status, *account_id, *batch_code; /* borrowed; NULL: any */
    bool active_only, include_history;
    int64_t left; /* rows still wanted; INT64_MAX: all */
    bool has_limit;
    bool any; /* a row was written */
    struct listing_key key;
};

static void listing_key_clear(struct listing_key *key)
{
    free(key->message_id);
    free(key->tenant_id);
    *key = (struct listing_key){0};
}

static enum err listing_key_set(struct listing_key *key, int64_t priority, int64_t created_us,
                                const char *message_id, const char *tenant_id, struct error *err)
{
    struct listing_key made = {priority, created_us, strdup(message_id), strdup(tenant_id)};

    if (!made.message_id || !made.tenant_id) {
        listing_key_clear(&made);
        return error_set(err, ERR_NOMEM, "out of memory for a cursor");
    }
    listing_key_clear(key);
    *key = made;
    return ERR_OK;
}

/* The cursor: a JSON array of the key, base64. */
static void listing_append_cursor(struct object *o, const struct listing_key *key)
{
    struct buf text = BUF_INIT(LISTING_CURSOR_OCTETS_MAX);
    char *cursor = NULL;
    struct error err;

    buf_printf(&text, "[%" PRId64 ",\"%" PRId64 "\",", key->priority, key->created_us);
    json_append_string(&text, key->message_id);
    buf_append_char(&text, ',');
    json_append_string(&text, key->tenant_id);
    buf_append_char(&text, ']');
    if (!text.failed && !token_base64(text.data, text.len, &cursor, &err)) {
        for (char *p = cursor; *p; p++) /* the alphabet of URLs, RFC 4648 section 5 */
            *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
        cursor[strcspn(cursor, "=")] = '\0';
        object_text(o, "next", cursor);
    }
    free(cursor);
    buf_clear(&text);
}

static bool listing_parse_cursor(const char *text, size_t n, struct listing_key *ret)
{
    struct json_syntax_error syntax;
    struct error err;
    cJSON *key = NULL;
    int64_t priority, created_us;
    bool fine = false;

    if (json_parse(text, n, &key, &syntax, &err))
        return false;
    if (cJSON_GetArraySize(key) == 4 && json_to_int(cJSON_GetArrayItem(key, 0), &priority) &&
        priority >= -1 && priority <= 3 && json_to_int(cJSON_GetArrayItem(key, 1), &created_us) &&
        created_us >= 0 && created_us <= INT64_C(253402300799000000)) {
        const cJSON *message_id = cJSON_GetArrayItem(key, 2),
                    *tenant_id = cJSON_GetArrayItem(key, 3);

        fine = cJSON_IsString(message_id) && cJSON_IsString(tenant_id) &&
               !fields_check_texts(key) &&
               !listing_key_set(ret, priority, created_us, message_id->valuestring,
                                tenant_id->valuestring, &err);
    }
    cJSON_Delete(key);
    return fine;
}

/* false: not one that listing_append_cursor() made. */
static bool listing_read_cursor(const char *cursor, struct listing_key *ret)
{
    unsigned char *octets = NULL;
    char *plain = strdup(cursor);
    struct error err;
    size_t len = 0;
    bool fine;

    for (char *p = plain; p && *p; p++)
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    fine = plain && !token_base64_decode(plain, strlen(plain), &octets, &len, &err) &&
           listing_parse_cursor((const char *)octets, len, ret);
    free(octets);
    free(plain);
    return fine;
}

/* false: answered already. */
static bool listing_read_query(const cJSON *query, struct listing *l, struct reply *reply)
{
    const char *after = value_given(query, "after");
    struct fields f;

    l->status = value_given(query, "status");
    l->account_id = value_given(query, "account_id");
    l->batch_code = value_given(query, "batch_code");
    l->active_only = value_bool(query, "active_only", false);
    l->include_history = value_bool(query, "include_history", false);
    l->left = value_int(query, "limit", INT64_MAX);
    l->has_limit = value_has(query, "limit");
    if (!after || listing_read_cursor(after, &l->key))
        return true;
    f = fields_of("query", query);
    fields_refuse(&f, "after", "is not a cursor that this service gave");
    reply_fields(reply, &f);
    fields_clear(&f);
    return false;
}

/* The next page's rows; none: the end. */
static enum err listing_read_page(struct request *req, const struct listing *l, PGresult **ret,
                                  struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    enum err rc = request_db(req, &db, err);

    db_param_text(&p, l->tenant_id);
    db_param_bool(&p, l->active_only);
    db_param_text(&p, l->status);
    db_param_text(&p, l->account_id);
    db_param_text(&p, l->batch_code);
    db_param_int(&p, l->key.message_id ? l->key.priority : -1);
    db_param_int(&p, l->key.created_us);
    db_param_text(&p, l->key.message_id ? l->key.message_id : "");
    db_param_text(&p, l->key.tenant_id ? l->key.tenant_id : "");
    db_param_int(&p, l->left < LISTING_PAGE_MAX
                         ? l->left + 1
                         : LISTING_PAGE_MAX); /* one more: is there a next? */
    return rc ? rc : db_run(db, &SQL_LIST_MESSAGES, &p, ret, err);
}

/* The events of a page's messages. */
static enum err listing_read_events(struct request *req, const PGresult *page, PGresult **ret,
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

static void listing_append_json(struct object *o, const char *key, const char *text)
{
    cJSON *value = text ? cJSON_Parse(text) : NULL;

    if (value) {
        object_key(o, key);
        json_append_value(o->out, value);
    }
    cJSON_Delete(value);
}

static void listing_append_time(struct object *o, const char *key, const PGresult *res, int row,
                                int column)
{
    if (!db_is_null(res, row, column))
        object_int(o, key, db_int(res, row, column));
}

/* The first event of a message, among events sorted by message; their number when it has none. */
static int listing_find_events(const PGresult *events, int64_t message_pk)
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

static void listing_append_history(struct object *o, const PGresult *events, int64_t message_pk)
{
    int first = listing_find_events(events, message_pk);

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
        listing_append_json(&e, "metadata", db_str(events, i, 5));
        listing_append_time(&e, "reported_ts", events, i, 6);
        object_close(&e);
    }
    buf_append_char(o->out, ']');
}

/* Mask the credentials that attachments brought along. */
static void listing_mask_auth(cJSON *content)
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
static void listing_append_content(struct object *o, const char *content, int64_t retries)
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
        listing_mask_auth(masked);
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

static void listing_append_row(const struct listing *l, const PGresult *res, int row,
                               const PGresult *events, struct buf *out)
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
    listing_append_time(&o, "deferred_ts", res, row, LISTING_DEFERRED_TS);
    object_text(&o, "deferred_reason", db_str(res, row, LISTING_DEFERRED_REASON));
    listing_append_time(&o, "sent_ts", res, row, LISTING_SENT_TS);
    listing_append_time(&o, "error_ts", res, row, LISTING_ERROR_TS);
    object_text(&o, "error", db_str(res, row, LISTING_ERROR));
    listing_append_time(&o, "reported_ts", res, row, LISTING_REPORTED_TS);
    listing_append_time(&o, "bounce_ts", res, row, LISTING_BOUNCE_TS);
    object_text(&o, "bounce_type", db_str(res, row, LISTING_BOUNCE_TYPE));
    object_text(&o, "bounce_code", db_str(res, row, LISTING_BOUNCE_CODE));
    object_text(&o, "bounce_reason", db_str(res, row, LISTING_BOUNCE_REASON));
    object_time(&o, "created_at", db_int(res, row, LISTING_CREATED_US));
    object_time(&o, "updated_at", db_int(res, row, LISTING_UPDATED_US));
    object_bool(&o, "is_pec", db_bool(res, row, LISTING_IS_PEC));
    listing_append_content(&o, db_str(res, row, LISTING_CONTENT),
                           db_int(res, row, LISTING_RETRIES));
    if (l->include_history)
        listing_append_history(&o, events, db_int(res, row, LISTING_PK));
    object_close(&o);
}

/* Write the wanted rows of a page, and remember the last one passed. *ret_more: there is one beyond
 * the limit. */
static enum err listing_write_page(struct listing *l, const PGresult *page, const PGresult *events,
                                   struct reply *reply, bool *ret_more, struct error *err)
{
    int last = -1;

    for (int row = 0; row < PQntuples(page) && !*ret_more; row++) {
        bool wanted = db_bool(page, row, LISTING_WANTED);

        if (wanted && !l->left) {
            *ret_more = true;
            break;
        }
        last = row;
        if (!wanted)
            continue;
        if (l->any)
            buf_append_char(&reply->body, ',');
        l->any = true;
        l->left -= l->has_limit;
        listing_append_row(l, page, row, events, &reply->body);
        if (!reply_flush(reply))
            return error_set(err, ERR_NET, "the client went away in the middle of the list");
    }
    if (last < 0)
        return ERR_OK;
    return listing_key_set(&l->key, db_int(page, last, LISTING_PRIORITY),
                           db_int(page, last, LISTING_CREATED_US), db_str(page, last, LISTING_ID),
                           db_str(page, last, LISTING_TENANT_ID), err);
}

/* Read a page with its events, and let go of the connection. */
static enum err listing_next(struct request *req, const struct listing *l, PGresult **ret_page,
                             PGresult **ret_events, struct error *err)
{
    enum err rc = listing_read_page(req, l, ret_page, err);

    if (!rc && l->include_history && PQntuples(*ret_page))
        rc = listing_read_events(req, *ret_page, ret_events, err);
    request_give_db(req);
    return rc;
}

static void listing_stream(struct request *req, struct listing *l, struct reply *reply)
{
    PGresult *page = NULL, *events = NULL;
    struct error err;
    bool more = false;
    enum err rc = listing_next(req, l, &page, &events, &err);

    if (rc) {
        reply_error(reply, &err);
        goto out;
    }
    buf_append_str(reply_stream(reply), "{\"ok\":true,\"messages\":[");
    while (!rc && PQntuples(page) && !more) {
        rc = listing_write_page(l, page, events, reply, &more, &err);
        PQclear(page);
        PQclear(events);
        page = events = NULL;
        if (!rc && !more)
            rc = listing_next(req, l, &page, &events, &err);
    }
    if (rc) {
        reply_stream_cut(reply, &err);
        goto out;
    }
    buf_append_char(&reply->body, ']');
    if (more) {
        struct object o = {.out = &reply->body, .any = true};

        listing_append_cursor(&o, &l->key);
    }
    buf_append_char(&reply->body, '}');
    reply_stream_end(reply);
out:
    PQclear(page);
    PQclear(events);
}

void listing_get(struct request *req, struct reply *reply)
{
    struct listing l = {0};

    if (listing_read_query(req->query, &l, reply) && request_tenant(req, NULL, &l.tenant_id, reply))
        listing_stream(req, &l, reply);
    listing_key_clear(&l.key);
}
