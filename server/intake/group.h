/*
 * group.h - small requests of many clients stored in one transaction.
 *
 * Every request is answered after the commit that holds it. One whose messages may have to wait for
 * a lock, or are large, is a transaction by itself.
 */
#ifndef SERVER_INTAKE_GROUP_H
#define SERVER_INTAKE_GROUP_H

#include "server/command_log.h"
#include "server/gather.h"
#include "server/intake/draft.h"

/* The gather_fn of what group_store() wants. */
enum err group_store_jobs(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                          struct error *err) MUST_CHECK;

/*
 * Store the open drafts of a request as insert_drafts() does, and with them its rows of the command
 * log (endpoint addMessages). group: gathers for group_store_jobs(). Errors: those of gather_run()
 * and insert_drafts().
 */
enum err group_store(struct gather *group, struct draft_batch *batch,
                     const struct command_part *log, struct error *err) MUST_CHECK;

#endif
