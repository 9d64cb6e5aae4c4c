/*
 * gather.h - what many requests want of the database at the same moment, done with one connection
 * in one go.
 *
 * The first job that comes is done at once. What comes while it is under way waits for it, and is
 * then done together: nobody waits for others to come, and the more there are, the fewer round
 * trips and commits, each with its wait for the disk, they cost.
 *
 * It is done by one of those who want it, one at a time; where that one is stuck, with a lock or a
 * connection that does not answer, another one takes over after 200 ms. Where it fails for whatever
 * one of its jobs did, each is done alone: none fails, nor is kept waiting, for another one's sake.
 */
#ifndef SERVER_GATHER_H
#define SERVER_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/db_pool.h"

struct gather;

/*
 * Do all these jobs, or none. alone: there is one, and nobody waits behind it; otherwise it must
 * not wait long for a lock. Called in the thread of one that waits. Of its errors ERR_DB and
 * ERR_DB_RETRY may be one job's own and are tried again alone.
 */
typedef enum err gather_fn(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                           struct error *err);

/* pool: borrowed; wait_ms: how long to wait for one of its connections. */
enum err gather_new(struct db_pool *pool, int64_t wait_ms, gather_fn *fn, struct gather **ret,
                    struct error *err) MUST_CHECK;
void gather_free(struct gather *gather); /* nobody may be in it; NULL does nothing */

/*
 * Have the job done, with what others want where it is small. The caller holds no connection of the
 * pool, or it would wait for one with one in hand. Errors: those of db_pool_take() and of fn.
 */
enum err gather_run(struct gather *gather, void *job, bool small, struct error *err) MUST_CHECK;

#endif
