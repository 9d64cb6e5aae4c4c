/*
 * told.c - what a claim is told of the accounts a worker has. See told.h.
 */
#include "worker/claim/told.h"

/* What the claim is told of one account. */
static void told_add(struct told *told, struct held_account *a)
{
    int32_t few = TAKE_FEW - (a->count - a->aside);

    db_array_text(&told->tenants, a->tenant_id);
    db_array_text(&told->accounts, a->account_id);
    db_array_int(&told->counts, a->count);
    db_array_int(&told->connections, a->connections);
    db_array_int(&told->versions, a->version);
    a->told_proven = a->proven;
    if (a->proven)
        db_array_null(&told->few);
    else
        db_array_int(&told->few, few > 0 ? few : 0);
    /* Each counts as many as it may have, so that no more accounts than connections are tried. */
    if (!a->proven && a->count > 0)
        told->unproven -= a->count > TAKE_FEW ? a->count : TAKE_FEW;
}

struct told told_list(struct held *held, const struct take_calls *calls, bool full,
                      uint32_t unproven)
{
    struct told ret = {db_array_of(DB_TEXT), db_array_of(DB_TEXT), db_array_of(DB_INT4),
                       db_array_of(DB_INT4), db_array_of(DB_INT4), db_array_of(DB_INT8),
                       (int32_t)unproven};

    for (struct held_account *a = TAILQ_FIRST(&held->list), *next; a; a = next) {
        /* When this worker can take no more, others should not wait for connections it leaves idle.
         */
        int32_t open = calls->count_connections(calls->arg, a->tenant_id, a->account_id,
                                                full && a->count == 0);
        int32_t wanted = a->count < a->connections ? a->count : a->connections;

        next = TAILQ_NEXT(a, link);
        if (a->count == 0 && open == 0) {
            held_remove(held, a);
            continue;
        }
        /* No more are opened from here on than the claim is told of, until it grants more. */
        a->connections = open > wanted ? open : wanted;
        a->told = a->count;
        told_add(&ret, a);
    }
    return ret;
}

void told_clear(struct told *told)
{
    db_array_clear(&told->tenants);
    db_array_clear(&told->accounts);
    db_array_clear(&told->counts);
    db_array_clear(&told->connections);
    db_array_clear(&told->few);
    db_array_clear(&told->versions);
}

enum err told_check(const struct told *told, struct error *err)
{
    const struct db_array *all[] = {&told->tenants,     &told->accounts, &told->counts,
                                    &told->connections, &told->few,      &told->versions};
    enum err rc = ERR_OK;

    for (size_t i = 0; !rc && i < sizeof(all) / sizeof(all[0]); i++)
        rc = db_array_check(all[i], err);
    return rc;
}
