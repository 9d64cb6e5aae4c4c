/*
 * held.c - accounts in a tree. See held.h.
 */
#include "worker/claim/held.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int held_compare(const void *a, const void *b)
{
    const struct held_account *x = a, *y = b;
    int tenants = strcmp(x->tenant_id, y->tenant_id);

    return tenants ? tenants : strcmp(x->account_id, y->account_id);
}

static void held_free(struct held_account *account)
{
    free(account->tenant_id);
    free(account->account_id);
    free(account);
}

void held_init(struct held *held)
{
    held->tree = NULL;
    TAILQ_INIT(&held->list);
}

void held_clear(struct held *held)
{
    struct held_account *account;

    while ((account = TAILQ_FIRST(&held->list)))
        held_remove(held, account);
}

struct held_account *held_find(const struct held *held, const char *tenant_id,
                               const char *account_id)
{
    struct held_account key = {.tenant_id = (char *)tenant_id, .account_id = (char *)account_id};
    struct held_account **found = tfind(&key, &held->tree, held_compare);

    return found ? *found : NULL;
}

struct held_account *held_add(struct held *held, const char *tenant_id, const char *account_id)
{
    struct held_account *account = calloc(1, sizeof(*account));

    if (!account)
        return NULL;
    account->tenant_id = strdup(tenant_id);
    account->account_id = strdup(account_id);
    if (!account->tenant_id || !account->account_id ||
        !tsearch(account, &held->tree, held_compare)) {
        held_free(account);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&held->list, account, link);
    return account;
}

void held_remove(struct held *held, struct held_account *account)
{
    tdelete(account, &held->tree, held_compare);
    TAILQ_REMOVE(&held->list, account, link);
    held_free(account);
}
