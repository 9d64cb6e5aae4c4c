/*
 * listing_search.c - messages by what is known of them. See listing_search.h.
 */
#include "server/routes/listing_search.h"

#include "sql/statements.h"

enum {
    LISTING_SEARCH_MESSAGES_MAX = 20000,
    LISTING_SEARCH_OCTETS_MAX = 64 * 1024 * 1024,
};

/* What search_messages gives. */
enum listing_search_column {
    LISTING_SEARCH_PK,
    LISTING_SEARCH_PRIORITY,
    LISTING_SEARCH_CREATED_US,
    LISTING_SEARCH_ID,
    LISTING_SEARCH_TENANT_ID,
    LISTING_SEARCH_OCTETS,
    LISTING_SEARCH_IS_ONE,
};

void listing_search_clear(struct listing_search *search)
{
    listing_key_clear(&search->beyond);
}

/* Messages that have it as their id. */
static enum err listing_search_exact(struct request *req, const struct listing_search *search,
                                     const char *tenant_id, struct db_array *pks, struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    PGresult *res = NULL;
    enum err rc = request_db_to_look(req, &db, err);

    db_param_text(&p, tenant_id);
    db_param_text(&p, search->sought);
    if (!rc)
        rc = db_run(db, &SQL_FIND_MESSAGE, &p, &res, err);
    for (int i = 0; !rc && i < PQntuples(res); i++)
        db_array_int(pks, db_int(res, i, 0));
    PQclear(res);
    return rc;
}

/* Those among the next messages behind `key` that are what is sought. */
static enum err listing_search_page(struct request *req, struct listing_search *search,
                                    const char *tenant_id, const struct listing_key *key,
                                    struct db_array *pks, struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    PGresult *res = NULL;
    enum err rc = request_db_to_look(req, &db, err);
    int count;

    db_param_text(&p, tenant_id);
    db_param_text(&p, search->sought);
    listing_key_params(&p, key);
    if (!rc)
        rc = db_run(db, &SQL_SEARCH_MESSAGES, &p, &res, err);
    if (rc)
        goto out;
    count = PQntuples(res);
    for (int i = 0; i < count; i++) {
        search->octets += db_int(res, i, LISTING_SEARCH_OCTETS);
        if (db_bool(res, i, LISTING_SEARCH_IS_ONE))
            db_array_int(pks, db_int(res, i, LISTING_SEARCH_PK));
    }
    search->looked += count;
    search->ended = count == 0;
    if (count)
        rc = listing_key_set(&search->beyond, db_int(res, count - 1, LISTING_SEARCH_PRIORITY),
                             db_int(res, count - 1, LISTING_SEARCH_CREATED_US),
                             db_str(res, count - 1, LISTING_SEARCH_ID),
                             db_str(res, count - 1, LISTING_SEARCH_TENANT_ID), err);
out:
    PQclear(res);
    return rc;
}

/* Go on behind what was looked at. */
static enum err listing_search_pass(const struct listing_search *search, struct listing_key *key,
                                    struct error *err)
{
    const struct listing_key *to = &search->beyond;

    return to->message_id ? listing_key_set(key, to->priority, to->created_us, to->message_id,
                                            to->tenant_id, err)
                          : ERR_OK;
}

static bool listing_search_is_enough(const struct listing_search *search)
{
    return search->looked >= LISTING_SEARCH_MESSAGES_MAX ||
           search->octets >= LISTING_SEARCH_OCTETS_MAX;
}

/* Find some, unless there are none, or no more are to be looked at. */
static enum err listing_search_find(struct request *req, struct listing_search *search,
                                    const char *tenant_id, struct listing_key *key,
                                    struct db_array *pks, struct error *err)
{
    enum err rc = ERR_OK;

    if (!search->begun && !key->message_id) {
        rc = listing_search_exact(req, search, tenant_id, pks, err);
        search->ended = pks->count > 0;
    }
    search->begun = true;
    while (!rc && !pks->count && !search->ended && !search->cut) {
        rc = listing_search_pass(search, key, err);
        search->cut = listing_search_is_enough(search);
        if (!rc && !search->cut)
            rc = listing_search_page(req, search, tenant_id, key, pks, err);
    }
    return rc ? rc : db_array_check(pks, err);
}

enum err listing_search_next(struct request *req, struct listing_search *search,
                             const struct listing_filter *filter, struct listing_key *key,
                             int64_t most, PGresult **ret, struct error *err)
{
    struct db_array pks = db_array_of(DB_INT8);
    PGresult *page = NULL;
    enum err rc;

    do { /* once more where all of them were deleted between the two statements */
        PQclear(page);
        page = NULL;
        db_array_reset(&pks);
        rc = listing_search_find(req, search, filter->tenant_id, key, &pks, err);
        if (!rc && pks.count)
            rc = listing_page_read(req, filter, key, &pks, most, &page, err);
    } while (!rc && pks.count && !PQntuples(page) && !search->ended);
    if (!rc && (uint32_t)PQntuples(page) < pks.count)
        listing_key_clear(&search->beyond); /* too large for one page: go on behind its last row */
    if (!rc) {
        *ret = page;
        page = NULL;
    }
    PQclear(page);
    db_array_clear(&pks);
    return rc;
}
