/*
 * db_pool.c - connections shared by threads. See db_pool.h.
 */
#include "common/db_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

struct db_pool {
    char *conninfo; /* owned */
    bool pooled;
    char *application_name;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t freed;
    struct db_conn **idle; /* room for `size` */
    uint32_t idle_count;
    struct db_pool_stats stats;
};

enum err db_pool_new(struct db_target target, const char *application_name, uint32_t size,
                     struct db_pool **ret, struct error *err)
{
    struct db_pool *pool = calloc(1, sizeof(*pool));
    pthread_condattr_t attr;

    if (!pool)
        goto nomem;
    pool->pooled = target.pooled;
    pool->conninfo = strdup(target.conninfo ? target.conninfo : "");
    pool->application_name = strdup(application_name);
    pool->idle = calloc(size, sizeof(struct db_conn *));
    if (!pool->conninfo || !pool->application_name || !pool->idle)
        goto nomem;
    pool->stats.size = size;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attr);
    pthread_condattr_destroy(&attr);
    *ret = pool;
    return ERR_OK;
nomem:
    if (pool) {
        free(pool->conninfo);
        free(pool->application_name);
        free(pool->idle);
        free(pool);
    }
    return error_set(err, ERR_NOMEM, "out of memory for the connection pool");
}

void db_pool_free(struct db_pool *pool)
{
    if (!pool)
        return;
    for (uint32_t i = 0; i < pool->idle_count; i++)
        db_close(pool->idle[i]);
    explicit_bzero(pool->conninfo, strlen(pool->conninfo)); /* may hold a password */
    free(pool->conninfo);
    free(pool->application_name);
    free(pool->idle);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* Wait, locked, until a connection is idle or may be opened. false: the time is over. */
static bool db_pool_wait(struct db_pool *pool, int64_t wait_ms)
{
    struct timespec until;

    if (pool->idle_count || pool->stats.open < pool->stats.size)
        return true;
    pool->stats.waits++;
    until = clock_deadline(wait_ms);
    while (!pool->idle_count && pool->stats.open >= pool->stats.size)
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &until) == ETIMEDOUT)
            break;
    return pool->idle_count || pool->stats.open < pool->stats.size;
}

enum err db_pool_take(struct db_pool *pool, int64_t wait_ms, struct db_conn **ret,
                      struct error *err)
{
    struct db_conn *conn = NULL;
    enum err rc = ERR_OK;

    pthread_mutex_lock(&pool->lock);
    if (!db_pool_wait(pool, wait_ms)) {
        pool->stats.refused++;
        pthread_mutex_unlock(&pool->lock);
        return error_set(err, ERR_LIMIT, "all %u database connections are busy", pool->stats.size);
    }
    pool->stats.busy++;
    while (pool->idle_count && !conn) {
        conn = pool->idle[--pool->idle_count];
        if (db_is_stale(conn)) {
            db_close(conn);
            conn = NULL;
            pool->stats.open--;
        }
    }
    if (!conn)
        pool->stats.open++; /* the place is taken before the slow part, outside the lock */
    pthread_mutex_unlock(&pool->lock);
    if (!conn) {
        rc = db_open((struct db_target){pool->conninfo, pool->pooled}, pool->application_name,
                     &conn, err);
        if (rc) {
            pthread_mutex_lock(&pool->lock);
            pool->stats.open--;
            pool->stats.busy--;
            pthread_cond_signal(&pool->freed);
            pthread_mutex_unlock(&pool->lock);
            return rc;
        }
    }
    *ret = conn;
    return ERR_OK;
}

void db_pool_give(struct db_pool *pool, struct db_conn *conn)
{
    bool gone;

    if (!conn)
        return;
    db_rollback(conn);
    gone = db_is_bloated(conn) && !db_is_broken(conn);
    if (gone) {
        db_close(conn); /* before another one may be opened in its place */
        conn = NULL;
    }
    pthread_mutex_lock(&pool->lock);
    pool->stats.busy--;
    if (gone) {
        pool->stats.open--;
    } else if (db_is_broken(conn)) {
        /* The others are likely broken by the same cause: do not serve them to the next callers. */
        while (pool->idle_count) {
            db_close(pool->idle[--pool->idle_count]);
            pool->stats.open--;
        }
        pool->stats.open--;
    } else {
        pool->idle[pool->idle_count++] = conn;
        conn = NULL;
    }
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
    db_close(conn);
}

void db_pool_read_stats(struct db_pool *pool, struct db_pool_stats *ret)
{
    pthread_mutex_lock(&pool->lock);
    *ret = pool->stats;
    pthread_mutex_unlock(&pool->lock);
}
