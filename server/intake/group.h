/*
 * group.h - small requests of many clients stored in one transaction.
 *
 * The first one that comes is stored at once, alone. What comes while that commits waits for it,
 * and is then stored together: nobody waits for others to come, and the more there are, the fewer
 * commits, each with its wait for the disk, they cost. Every request is answered after the commit
 * that holds it.
 *
 * Two groups may be under way at a time. A group never waits long for a lock, and where it fails,
 * for whatever one request of it did, each of its requests is stored alone: none is refused, nor
 * kept waiting, for another one's sake.
 */
#ifndef SERVER_INTAKE_GROUP_H
#define SERVER_INTAKE_GROUP_H

#include "common/db_pool.h"
#include "server/command_log.h"
#include "server/intake/draft.h"

struct group;

/* pool: borrowed; wait_ms: how long to wait for one of its connections. */
enum err group_new(struct db_pool *pool, int64_t wait_ms, struct group **ret,
                   struct error *err) MUST_CHECK;
void group_free(struct group *group); /* nobody may be storing; NULL does nothing */

/*
 * Store the open drafts of a request as insert_drafts() does, and with them its rows of the command
 * log (endpoint addMessages). The caller holds no connection of the pool, or it would wait for one
 * with one in hand. Errors: those of db_pool_take() and insert_drafts().
 */
enum err group_store(struct group *group, struct draft_batch *batch, const struct command_part *log,
                     struct error *err) MUST_CHECK;

#endif
