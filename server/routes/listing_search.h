/*
 * listing_search.h - look for messages by id, Message-ID, subject or recipient.
 *
 * An id is found by its index. Else the messages are looked at in the order of the list, no more
 * than 20,000 of them or 64 MiB for a request: whoever wants to know of more asks again with the
 * cursor.
 */
#ifndef SERVER_ROUTES_LISTING_SEARCH_H
#define SERVER_ROUTES_LISTING_SEARCH_H

#include "server/routes/listing_page.h"

struct listing_search {
    const char *sought;        /* borrowed; NULL: nothing is */
    struct listing_key beyond; /* owned; the last message that was looked at */
    int64_t looked, octets;    /* so far, by this request */
    bool begun;                /* an id was asked for */
    bool ended;                /* there is nothing more to look at */
    bool cut;                  /* there is, but not for this request */
};

void listing_search_clear(struct listing_search *search);
/*
 * The next messages that are what is sought; not all of them need to be wanted. ret: owned; NULL,
 * or without rows: there are none, or search->cut. key  where the list is; moves on
 */
enum err listing_search_next(struct request *req, struct listing_search *search,
                             const struct listing_filter *filter, struct listing_key *key,
                             int64_t most, PGresult **ret, struct error *err) MUST_CHECK;

#endif
