/*
 * insert.c - drafts become messages. See insert.h.
 *
 * A request goes in by pieces of some hundred rows: one statement a piece, so that neither side
 * holds all of a large request a second time. An id that is taken makes its piece take two rounds
 * more: make room, then store again.
 */
#include "server/intake/insert.h"

#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "sql/statements.h"

enum {
    INSERT_PIECE_ROWS = 500,
    INSERT_PIECE_OCTETS = 8 * 1024 * 1024,
    INSERT_ROUNDS =
        3, /* the id may be taken again by another request between making room and storing */
};

/* The drafts of one statement. */
struct insert_piece {
    struct draft *drafts[INSERT_PIECE_ROWS]; /* borrowed */
    size_t count;
};

static int insert_compare(const void *a, const void *b)
{
    const struct draft *x = *(struct draft *const *)a, *y = *(struct draft *const *)b;
    int order = strcmp(x->id, y->id);

    if (!order)
        order = strcmp(x->tenant_id, y->tenant_id);
    if (!order)
        order = x < y ? -1 : x > y; /* drafts lie in an array in the order they came */
    return order;
}

enum err insert_settle_doubles(struct draft_batch *batch, struct error *err)
{
    struct draft **sorted = calloc(batch->count ? batch->count : 1, sizeof(struct draft *));
    size_t count = 0;

    if (!sorted)
        return error_set(err, ERR_NOMEM, "out of memory to compare ids");
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].fate == DRAFT_OPEN)
            sorted[count++] = &batch->items[i];
    qsort(sorted, count, sizeof(struct draft *), insert_compare);
    for (size_t i = 1; i < count; i++) {
        struct draft *d = sorted[i - 1];

        if (!strcmp(d->id, sorted[i]->id) && !strcmp(d->tenant_id, sorted[i]->tenant_id)) {
            d->fate = DRAFT_SUPERSEDED;
            draft_drop_content(d);
        }
    }
    free(sorted);
    return ERR_OK;
}

enum err insert_list_add(struct insert_list *list, struct draft_batch *batch, struct error *err)
{
    struct draft **more =
        realloc(list->drafts, (list->count + batch->count + 1) * sizeof(struct draft *));

    if (!more)
        return error_set(err, ERR_NOMEM, "out of memory for %zu drafts", batch->count);
    list->drafts = more;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].fate == DRAFT_OPEN)
            list->drafts[list->count++] = &batch->items[i];
    return ERR_OK;
}

void insert_list_clear(struct insert_list *list)
{
    free(list->drafts);
    *list = (struct insert_list){0};
}

/* Take the next drafts from *at on that fit one statement. */
static void insert_cut(const struct insert_list *list, size_t *at, struct insert_piece *ret)
{
    size_t octets = 0;

    ret->count = 0;
    for (; *at < list->count && ret->count < INSERT_PIECE_ROWS; ++*at) {
        struct draft *d = list->drafts[*at];

        if (ret->count && octets + d->content.len > INSERT_PIECE_OCTETS)
            return;
        octets += d->content.len;
        ret->drafts[ret->count++] = d;
    }
}

static void insert_append_draft(struct db_array *a, const struct draft *d)
{
    db_array_text(&a[0], d->tenant_id);
    db_array_text(&a[1], d->id);
    db_array_text(&a[2], d->account_id);
    db_array_int(&a[3], d->priority);
    db_array_int(&a[4], d->size_octets);
    db_array_int(&a[5], (int64_t)d->attachment_count);
    db_array_text(&a[6], d->batch_code);
    db_array_text(&a[7], d->mime_message_id);
    db_array_bool(&a[8], d->is_pec);
    if (d->due_s)
        db_array_int(&a[9], d->due_s);
    else
        db_array_null(&a[9]);
    db_array_octets(&a[10], d->content.data, d->content.len);
}

/* Store the piece's drafts. The ones whose id is taken stay open, and alone in the piece. */
static enum err insert_enqueue(struct db_conn *db, struct insert_piece *piece, struct error *err)
{
    struct db_array a[] = {db_array_of(DB_TEXT), db_array_of(DB_TEXT), db_array_of(DB_TEXT),
                           db_array_of(DB_INT4), db_array_of(DB_INT4), db_array_of(DB_INT4),
                           db_array_of(DB_TEXT), db_array_of(DB_TEXT), db_array_of(DB_BOOL),
                           db_array_of(DB_INT8), db_array_of(DB_JSON)};
    const size_t columns = sizeof(a) / sizeof(a[0]);
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc = ERR_OK;
    size_t left = 0;

    for (size_t i = 0; i < piece->count; i++)
        insert_append_draft(a, piece->drafts[i]);
    for (size_t i = 0; i < columns; i++) {
        if (!rc)
            rc = db_array_check(&a[i], err);
        db_param_array(&params, &a[i]);
    }
    if (!rc)
        rc = db_run(db, &SQL_ENQUEUE_MESSAGES, &params, &res, err);
    for (int row = 0; !rc && row < PQntuples(res); row++) {
        struct draft *d = piece->drafts[db_int(res, row, 0) - 1];

        d->message_pk = db_int(res, row, 1);
        d->fate = DRAFT_STORED;
    }
    for (size_t i = 0; !rc && i < piece->count; i++)
        if (piece->drafts[i]->fate == DRAFT_OPEN)
            piece->drafts[left++] = piece->drafts[i];
    if (!rc)
        piece->count = left;
    for (size_t i = 0; i < columns; i++)
        db_array_clear(&a[i]);
    PQclear(res);
    return rc;
}

static void insert_mark_taken(struct draft *d, const char *reason)
{
    d->fate = DRAFT_TAKEN;
    memcpy(d->reason, reason, strlen(reason) + 1);
}

/* Delete the messages that the piece's drafts replace; drafts that cannot replace theirs leave the
 * piece. */
static enum err insert_replace(struct db_conn *db, struct insert_piece *piece, struct error *err)
{
    struct db_array tenant_ids = db_array_of(DB_TEXT), ids = db_array_of(DB_TEXT);
    struct db_array account_ids = db_array_of(DB_TEXT);
    struct db_params params = {0};
    PGresult *res = NULL;
    size_t left = 0;
    enum err rc;

    for (size_t i = 0; i < piece->count; i++) {
        db_array_text(&tenant_ids, piece->drafts[i]->tenant_id);
        db_array_text(&ids, piece->drafts[i]->id);
        db_array_text(&account_ids, piece->drafts[i]->account_id);
    }
    rc = db_array_check(&ids, err);
    if (!rc)
        rc = db_array_check(&account_ids, err);
    db_param_array(&params, &tenant_ids);
    db_param_array(&params, &ids);
    db_param_array(&params, &account_ids);
    if (!rc)
        rc = db_run(db, &SQL_REPLACE_MESSAGES, &params, &res, err);
    for (int row = 0; !rc && row < PQntuples(res); row++) {
        struct draft *d = piece->drafts[db_int(res, row, 0) - 1];
        const char *verdict = db_str(res, row, 1);

        if (!strcmp(verdict, "sent"))
            insert_mark_taken(d, "already sent");
        else if (!strcmp(verdict, "leased"))
            insert_mark_taken(d, "being sent");
    }
    for (size_t i = 0; !rc && i < piece->count; i++)
        if (piece->drafts[i]->fate == DRAFT_OPEN)
            piece->drafts[left++] = piece->drafts[i];
    if (!rc)
        piece->count = left;
    PQclear(res);
    db_array_clear(&tenant_ids);
    db_array_clear(&ids);
    db_array_clear(&account_ids);
    return rc;
}

static enum err insert_piece_store(struct db_conn *db, struct insert_piece *piece,
                                   struct error *err)
{
    enum err rc = insert_enqueue(db, piece, err);

    for (int round = 0; !rc && piece->count; round++) {
        if (round == INSERT_ROUNDS)
            return error_set(err, ERR_DB_RETRY, "ids were taken again and again by other requests");
        rc = insert_replace(db, piece, err);
        if (!rc && piece->count)
            rc = insert_enqueue(db, piece, err);
    }
    return rc;
}

struct insert_octets {
    struct db_array message_pks, ordinals, contents;
};

static enum err insert_send_octets(struct db_conn *db, struct insert_octets *o, struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc = db_array_check(&o->contents, err);

    if (rc || !o->contents.count)
        return rc;
    db_param_array(&params, &o->message_pks);
    db_param_array(&params, &o->ordinals);
    db_param_array(&params, &o->contents);
    rc = db_run(db, &SQL_INSERT_ATTACHMENTS, &params, &res, err);
    PQclear(res);
    db_array_reset(&o->message_pks);
    db_array_reset(&o->ordinals);
    db_array_reset(&o->contents);
    return rc;
}

/* The attachments of all stored drafts, in statements of some megabytes. */
static enum err insert_attachments(struct db_conn *db, const struct insert_list *list,
                                   struct error *err)
{
    struct insert_octets o = {db_array_of(DB_INT8), db_array_of(DB_INT4), db_array_of(DB_BYTEA)};
    enum err rc = ERR_OK;

    for (size_t i = 0; i < list->count && !rc; i++) {
        const struct draft *d = list->drafts[i];

        for (size_t k = 0; d->fate == DRAFT_STORED && k < d->attachment_count && !rc; k++) {
            db_array_int(&o.message_pks, d->message_pk);
            db_array_int(&o.ordinals, d->attachments[k].ordinal);
            db_array_octets(&o.contents, d->attachments[k].octets, d->attachments[k].len);
            if (o.contents.octets.len > INSERT_PIECE_OCTETS)
                rc = insert_send_octets(db, &o, err);
        }
    }
    if (!rc)
        rc = insert_send_octets(db, &o, err);
    db_array_clear(&o.message_pks);
    db_array_clear(&o.ordinals);
    db_array_clear(&o.contents);
    return rc;
}

/* Before the transaction runs (again): what an earlier try decided does not hold any more. */
static void insert_reopen(const struct insert_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->drafts[i]->fate = DRAFT_OPEN;
}

/* No batch of these tenants is suspended from here on until all is stored: locked before the first
 * piece, so that no later one waits for a tenant while earlier ones hold queue rows. */
static enum err insert_share_tenants(struct db_conn *db, const struct insert_list *list,
                                     struct error *err)
{
    struct db_array tenant_ids = db_array_of(DB_TEXT);
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < list->count; i++)
        if (list->drafts[i]->batch_code)
            db_array_text(&tenant_ids, list->drafts[i]->tenant_id);
    if (tenant_ids.count) {
        rc = db_array_check(&tenant_ids, err);
        db_param_array(&params, &tenant_ids);
        if (!rc)
            rc = db_run(db, &SQL_SHARE_TENANTS, &params, &res, err);
    }
    PQclear(res);
    db_array_clear(&tenant_ids);
    return rc;
}

static enum err insert_limit_lock_wait(struct db_conn *db, int64_t timeout_ms, struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    if (!timeout_ms)
        return ERR_OK;
    db_param_int(&params, timeout_ms);
    rc = db_run(db, &SQL_LIMIT_LOCK_WAIT, &params, &res, err);
    PQclear(res);
    return rc;
}

/* transaction_fn */
static enum err insert_run(struct db_conn *db, void *arg, struct error *err)
{
    const struct insert_job *job = arg;
    const struct insert_list *list = job->list;
    struct insert_piece piece;
    size_t at = 0;
    enum err rc = insert_limit_lock_wait(db, job->lock_timeout_ms, err);

    insert_reopen(list);
    if (!rc)
        rc = insert_share_tenants(db, list, err);
    for (insert_cut(list, &at, &piece); piece.count && !rc; insert_cut(list, &at, &piece))
        rc = insert_piece_store(db, &piece, err);
    if (!rc)
        rc = insert_attachments(db, list, err);
    if (!rc && job->also)
        rc = job->also(db, job->arg, err);
    return rc;
}

enum err insert_drafts(struct db_conn *db, const struct insert_job *job, struct error *err)
{
    struct insert_job copy = *job; /* a transaction's argument is not const */
    enum err rc = job->lock_timeout_ms ? transaction_try(db, insert_run, &copy, err)
                                       : transaction_run(db, insert_run, &copy, err);

    if (rc)
        insert_reopen(job->list);
    return rc;
}
