/*
 * listing.c - GET /messages: pages of rows become one stream.
 *
 * Each page is a statement of its own, and the connection goes back to the pool before the page is
 * written: a slow client holds a thread and one page, nothing else. Rows are found again by the key
 * they are sorted by, which is also what the opaque cursor `next` holds.
 */
#include "server/http/fields.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/listing_search.h"
#include "server/routes/routes.h"

struct listing {
    struct listing_filter filter;
    bool include_history;
    int64_t left; /* rows still wanted; INT64_MAX: all */
    bool has_limit;
    bool any;               /* a row was written */
    struct listing_key key; /* the last row seen */
    struct listing_search search;
};

/* false: answered already. */
static bool listing_read_query(const cJSON *query, struct listing *l, struct reply *reply)
{
    const char *after = value_given(query, "after");
    struct fields f;

    l->filter.status = value_given(query, "status");
    l->filter.account_id = value_given(query, "account_id");
    l->filter.batch_code = value_given(query, "batch_code");
    l->filter.active_only = value_bool(query, "active_only", false);
    l->search.sought = value_given(query, "search");
    l->include_history = value_bool(query, "include_history", false);
    l->left = value_int(query, "limit", INT64_MAX);
    l->has_limit = value_has(query, "limit");
    if (!after || listing_key_read_cursor(after, &l->key))
        return true;
    f = fields_of("query", query);
    fields_refuse(&f, "after", "is not a cursor that this service gave");
    reply_fields(reply, &f);
    fields_clear(&f);
    return false;
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
        listing_page_append_row(page, row, events, &reply->body);
        if (!reply_flush(reply))
            return error_set(err, ERR_NET, "the client went away in the middle of the list");
    }
    if (l->search.sought && !l->left && !l->search.ended)
        *ret_more = true; /* whether there is one is not worth the search */
    return last < 0 ? ERR_OK : listing_page_key(page, last, &l->key, err);
}

/* Read a page with its events, and let go of the connection. */
static enum err listing_next(struct request *req, struct listing *l, PGresult **ret_page,
                             PGresult **ret_events, struct error *err)
{
    int64_t most = l->left < LISTING_PAGE_MAX ? l->left + 1 : l->left; /* is there a next? */
    enum err rc =
        l->search.sought
            ? listing_search_next(req, &l->search, &l->filter, &l->key, most, ret_page, err)
            : listing_page_read(req, &l->filter, &l->key, NULL, most, ret_page, err);

    if (!rc && l->include_history && PQntuples(*ret_page))
        rc = listing_page_read_events(req, *ret_page, ret_events, err);
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
    if (more || l->search.cut) {
        struct object o = {.out = &reply->body, .any = true};

        listing_key_append_cursor(&o, &l->key);
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

    if (listing_read_query(req->query, &l, reply) &&
        request_tenant(req, NULL, &l.filter.tenant_id, reply))
        listing_stream(req, &l, reply);
    listing_key_clear(&l.key);
    listing_search_clear(&l.search);
}
