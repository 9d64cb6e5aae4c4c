/*
 * lookup.h - do the accounts that drafts name exist, and whose are they.
 */
#ifndef SERVER_INTAKE_LOOKUP_H
#define SERVER_INTAKE_LOOKUP_H

#include "server/gather.h"
#include "server/intake/draft.h"

/* The gather_fn of what lookup_accounts() wants. */
enum err lookup_jobs(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                     struct error *err) MUST_CHECK;

/*
 * Look up the accounts of all open drafts, in one statement with what other requests look up at the
 * moment. A draft whose account exists gets its tenant_id and is_pec; one without is rejected
 * `account not found for tenant`. lookups: gathers for lookup_jobs(). Errors: those of
 * gather_run().
 */
enum err lookup_accounts(struct gather *lookups, struct draft_batch *batch,
                         struct error *err) MUST_CHECK;

#endif
