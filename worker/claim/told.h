/*
 * told.h - what a claim is told of the accounts a worker has: the arrays of claim_messages, with an
 * entry for each.
 */
#ifndef WORKER_CLAIM_TOLD_H
#define WORKER_CLAIM_TOLD_H

#include "common/db_array.h"
#include "worker/claim/held.h"
#include "worker/claim/take.h"

struct told {
    struct db_array tenants, accounts, counts, connections, few, versions;
    int32_t unproven; /* messages that accounts which are not proven may still have */
};

/* Also forgets, in `held`, accounts of which there is neither a message nor a connection; `full`:
 * the worker can take no more messages, so it closes what is idle of theirs. `unproven`: messages
 * of all accounts that are not proven. To be cleared. */
struct told told_list(struct held *held, const struct take_calls *calls, bool full,
                      uint32_t unproven);
/* Whether all of it could be listed; see db_array_check(). */
enum err told_check(const struct told *told, struct error *err) MUST_CHECK;
void told_clear(struct told *told);

#endif
