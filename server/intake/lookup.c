/*
 * lookup.c - accounts by tenant and id. See lookup.h.
 */
#include "server/intake/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "sql/statements.h"

enum { LOOKUP_SMALL = 16 }; /* drafts; more are looked up by themselves */

/* What one statement asks: each pair once. */
struct lookup {
    struct draft *
        *sorted; /* owned; open drafts, those of the same tenant and account side by side */
    size_t count;
    struct db_array tenant_ids, account_ids;
};

/* Drafts that name no tenant sort first. */
static int lookup_compare(const void *a, const void *b)
{
    const struct draft *x = *(struct draft *const *)a, *y = *(struct draft *const *)b;
    int order = strcmp(x->account_id, y->account_id);

    if (order || x->tenant_id == y->tenant_id)
        return order;
    if (!x->tenant_id || !y->tenant_id)
        return x->tenant_id ? 1 : -1;
    return strcmp(x->tenant_id, y->tenant_id);
}

static enum err lookup_collect(struct lookup *l, void *const batches[], size_t count,
                               struct error *err)
{
    size_t room = 1;

    for (size_t i = 0; i < count; i++)
        room += ((const struct draft_batch *)batches[i])->count;
    l->sorted = calloc(room, sizeof(struct draft *));
    if (!l->sorted)
        return error_set(err, ERR_NOMEM, "out of memory to look up accounts");
    for (size_t i = 0; i < count; i++) {
        const struct draft_batch *batch = batches[i];

        for (size_t k = 0; k < batch->count; k++)
            if (batch->items[k].fate == DRAFT_OPEN)
                l->sorted[l->count++] = &batch->items[k];
    }
    qsort(l->sorted, l->count, sizeof(struct draft *), lookup_compare);
    for (size_t i = 0; i < l->count; i++) {
        if (i && !lookup_compare(&l->sorted[i - 1], &l->sorted[i]))
            continue;
        db_array_text(&l->tenant_ids, l->sorted[i]->tenant_id);
        db_array_text(&l->account_ids, l->sorted[i]->account_id);
    }
    return db_array_check(&l->account_ids, err);
}

static enum err lookup_apply(struct draft *d, const PGresult *res, int row, struct error *err)
{
    if (row < 0) {
        draft_reject(d, "account not found for tenant");
        return ERR_OK;
    }
    d->is_pec = db_bool(res, row, 2);
    if (d->tenant_id)
        return ERR_OK;
    d->found_tenant_id = strdup(db_str(res, row, 1));
    d->tenant_id = d->found_tenant_id;
    return d->tenant_id ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for a tenant's id");
}

/* Give each draft the row of its pair: pairs are numbered from 1 in the order they were collected.
 */
static enum err lookup_spread(struct lookup *l, const PGresult *res, struct error *err)
{
    int pairs = (int)l->tenant_ids.count, pair = -1;
    int *row_of = calloc((size_t)pairs + 1, sizeof(int)); /* calloc(0) may give NULL */
    const struct draft *before = NULL;
    struct draft key = {0};
    enum err rc = ERR_OK;

    if (!row_of)
        return error_set(err, ERR_NOMEM, "out of memory to look up accounts");
    for (int i = 0; i <= pairs; i++)
        row_of[i] = -1;
    for (int row = 0; row < PQntuples(res); row++)
        row_of[db_int(res, row, 0) - 1] = row;
    for (size_t i = 0; i < l->count && !rc; i++) {
        struct draft *d = l->sorted[i];

        if (!before || lookup_compare(&before, &(const struct draft *){d}))
            pair++;
        key = (struct draft){.tenant_id = d->tenant_id, .account_id = d->account_id};
        before = &key; /* a copy: applying a row gives the draft its tenant */
        rc = lookup_apply(d, res, row_of[pair], err);
    }
    free(row_of);
    return rc;
}

enum err lookup_jobs(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                     struct error *err)
{
    struct lookup l = {.tenant_ids = db_array_of(DB_TEXT), .account_ids = db_array_of(DB_TEXT)};
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc = lookup_collect(&l, jobs, count, err);

    (void)alone; /* it waits for no lock */
    if (!rc && l.count) {
        db_param_array(&params, &l.tenant_ids);
        db_param_array(&params, &l.account_ids);
        rc = db_run(db, &SQL_FIND_ACCOUNTS, &params, &res, err);
        if (!rc)
            rc = lookup_spread(&l, res, err);
    }
    PQclear(res);
    db_array_clear(&l.tenant_ids);
    db_array_clear(&l.account_ids);
    free(l.sorted);
    return rc;
}

enum err lookup_accounts(struct gather *lookups, struct draft_batch *batch, struct error *err)
{
    return gather_run(lookups, batch, batch->count <= LOOKUP_SMALL, err);
}
