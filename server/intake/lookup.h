/*
 * lookup.h - do the accounts that drafts name exist, and whose are they.
 */
#ifndef SERVER_INTAKE_LOOKUP_H
#define SERVER_INTAKE_LOOKUP_H

#include "common/db.h"
#include "server/intake/draft.h"

/*
 * Look up the accounts of all open drafts with one statement. A draft whose account exists gets its
 * tenant_id and is_pec; one without is rejected `account not found for tenant`.
 */
enum err lookup_accounts(struct db_conn *db, struct draft_batch *batch,
                         struct error *err) MUST_CHECK;

#endif
