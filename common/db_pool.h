/*
 * db_pool.h - connections shared by threads (the server's).
 *
 * A connection is opened when none is idle and the pool is not full; a broken one is dropped when
 * it is given back, and so is one whose buffers have grown large.
 */
#ifndef COMMON_DB_POOL_H
#define COMMON_DB_POOL_H

#include <stdint.h>

#include "common/db.h"

struct db_pool;

struct db_pool_stats {
    uint32_t size; /* connections allowed */
    uint32_t open;
    uint32_t busy;
    uint64_t waits;   /* takes that had to wait */
    uint64_t refused; /* takes that gave up */
};

enum err db_pool_new(struct db_target target, const char *application_name, uint32_t size,
                     struct db_pool **ret, struct error *err) MUST_CHECK; /* opens nothing yet */
void db_pool_free(struct db_pool *pool); /* no connection may be out */
/* ERR_LIMIT: none became free within wait_ms; ERR_DB_GONE: the database cannot be reached. Both
 * mean 503. */
enum err db_pool_take(struct db_pool *pool, int64_t wait_ms, struct db_conn **ret,
                      struct error *err) MUST_CHECK;
void db_pool_give(struct db_pool *pool,
                  struct db_conn *conn); /* rolls back what is open; NULL does nothing */
void db_pool_read_stats(struct db_pool *pool, struct db_pool_stats *ret);

#endif
