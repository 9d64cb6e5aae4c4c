/*
 * held.h - what this worker has of each account: messages in hand, and how many connections it may
 * hold to the account's relay.
 *
 * Plain bookkeeping for take.c, which decides.
 */
#ifndef WORKER_CLAIM_HELD_H
#define WORKER_CLAIM_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct held_account {
    TAILQ_ENTRY(held_account) link;
    char *tenant_id, *account_id; /* owned */
    int64_t version;              /* of the account, the newest seen */
    bool proven;                  /* its relay lets us in, as far as we know */
    bool told_proven;             /* so it seemed when the last claim was asked for */
    int32_t count;                /* messages in hand */
    int32_t aside;                /* of these, what is not ready for a connection for long yet */
    int32_t told;        /* the last claim was told of so many, or gave them: with batch_size there
                            may be more */
    int32_t connections; /* granted by claims, less what was given back */
    uint32_t claim;      /* number of the last claim that gave any */
};
TAILQ_HEAD(held_list, held_account);

struct held {
    void *tree;            /* tsearch(3) */
    struct held_list list; /* the same accounts */
};

void held_init(struct held *held);
void held_clear(struct held *held);
/* NULL: none. */
struct held_account *held_find(const struct held *held, const char *tenant_id,
                               const char *account_id);
/* One that is not there yet; NULL: out of memory. */
struct held_account *held_add(struct held *held, const char *tenant_id, const char *account_id);
void held_remove(struct held *held, struct held_account *account);

#endif
