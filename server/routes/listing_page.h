/*
 * listing_page.h - read messages as the list shows them, a page at a time.
 */
#ifndef SERVER_ROUTES_LISTING_PAGE_H
#define SERVER_ROUTES_LISTING_PAGE_H

#include "common/db_array.h"
#include "server/http/request.h"
#include "server/routes/listing_key.h"

enum { LISTING_PAGE_MAX = 500 };

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

/* Which messages are wanted; NULL: any. All borrowed. */
struct listing_filter {
    const char *tenant_id, *status, *account_id, *batch_code;
    bool active_only;
};

/*
 * The next rows of list_messages, those that are not wanted among them.
 * after  where to go on
 * these  of these messages (DB_INT8, message_pk) instead of what is behind `after`; NULL: not
 * most   no more that are wanted
 * ret    owned; without rows: the end
 */
enum err listing_page_read(struct request *req, const struct listing_filter *filter,
                           const struct listing_key *after, const struct db_array *these,
                           int64_t most, PGresult **ret, struct error *err) MUST_CHECK;
/* The events of a page's wanted messages, by message; owned. */
enum err listing_page_read_events(struct request *req, const PGresult *page, PGresult **ret,
                                  struct error *err) MUST_CHECK;
/* Remember a row as the last one seen. */
enum err listing_page_key(const PGresult *page, int row, struct listing_key *ret,
                          struct error *err) MUST_CHECK;
/* One row as JSON; events NULL: without history. */
void listing_page_append_row(const PGresult *res, int row, const PGresult *events, struct buf *out);
/* JSON that the database wrote, as a member without its blanks; NULL: left out. */
void listing_page_append_json(struct object *o, const char *key, const char *text);

#endif
