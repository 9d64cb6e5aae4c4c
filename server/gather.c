/*
 * gather.c - one statement for many requests. See gather.h.
 *
 * There is no thread of its own: one of those that wait leads, does what has gathered, wakes the
 * others and hands its turn on. Each waits for a semaphore of its own and not with the lock, or all
 * that are woken together would queue for it.
 */
#include "server/gather.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/clock.h"

enum {
    GATHER_JOBS_MAX = 64,
    GATHER_PATIENCE_MS = 200,
};

struct gather_place {
    void *job;     /* the caller's */
    bool waits;    /* is in the list; guarded by the lock */
    uint64_t turn; /* when woken: it is its turn to lead, nothing is done yet; 0: it is done */
    enum err rc;
    struct error err;
    sem_t woken;
    TAILQ_ENTRY(gather_place) link;
};

TAILQ_HEAD(gather_places, gather_place);

/* What a leader does; the first is its own. */
struct gather_set {
    struct gather_place *places[GATHER_JOBS_MAX];
    void *jobs[GATHER_JOBS_MAX];
    size_t count;
};

struct gather {
    struct db_pool *pool;
    int64_t wait_ms;
    gather_fn *fn;
    pthread_mutex_t lock; /* guards all below */
    struct gather_places waiting;
    uint64_t turn;    /* the latest one */
    int64_t since_us; /* when it began; 0: it is over, and nobody waits */
};

enum err gather_new(struct db_pool *pool, int64_t wait_ms, gather_fn *fn, struct gather **ret,
                    struct error *err)
{
    struct gather *gather = calloc(1, sizeof(*gather));

    if (!gather)
        return error_set(err, ERR_NOMEM, "out of memory for groups of requests");
    gather->pool = pool;
    gather->wait_ms = wait_ms;
    gather->fn = fn;
    pthread_mutex_init(&gather->lock, NULL);
    TAILQ_INIT(&gather->waiting);
    *ret = gather;
    return ERR_OK;
}

void gather_free(struct gather *gather)
{
    if (!gather)
        return;
    pthread_mutex_destroy(&gather->lock);
    free(gather);
}

static enum err gather_do(struct gather *gather, void *const jobs[], size_t count, bool alone,
                          struct error *err)
{
    struct db_conn *db = NULL;
    enum err rc = db_pool_take(gather->pool, gather->wait_ms, &db, err);

    if (!rc)
        rc = gather->fn(db, jobs, count, alone, err);
    db_pool_give(gather->pool, db);
    return rc;
}

/* Locked. A new turn. */
static uint64_t gather_begin(struct gather *gather)
{
    gather->since_us = clock_mono_us();
    return ++gather->turn;
}

/* Locked. May one who is not at its turn lead? While nobody does, or not for much longer than
 * anything takes: then whoever leads may be stuck, with a lock or a connection that does not
 * answer, and takes those with it whom it has collected, nobody else. */
static bool gather_is_free(const struct gather *gather)
{
    return !gather->since_us ||
           clock_mono_us() - gather->since_us > INT64_C(1000) * GATHER_PATIENCE_MS;
}

/* Does it lead? Otherwise it waits. */
static bool gather_enter(struct gather *gather, struct gather_place *place)
{
    bool leads;

    pthread_mutex_lock(&gather->lock);
    leads = gather_is_free(gather);
    if (leads) {
        place->turn = gather_begin(gather);
    } else {
        place->waits = true;
        TAILQ_INSERT_TAIL(&gather->waiting, place, link);
    }
    pthread_mutex_unlock(&gather->lock);
    return leads;
}

/* Locked. NULL: nobody waits. */
static struct gather_place *gather_take(struct gather *gather)
{
    struct gather_place *place = TAILQ_FIRST(&gather->waiting);

    if (place) {
        TAILQ_REMOVE(&gather->waiting, place, link);
        place->waits = false;
    }
    return place;
}

/* It has waited for long: does it lead now? */
static bool gather_lose_patience(struct gather *gather, struct gather_place *place)
{
    bool leads;

    pthread_mutex_lock(&gather->lock);
    leads = place->waits && gather_is_free(gather);
    if (leads) {
        TAILQ_REMOVE(&gather->waiting, place, link);
        place->waits = false;
        place->turn = gather_begin(gather);
    }
    pthread_mutex_unlock(&gather->lock);
    return leads;
}

static void gather_add(struct gather_set *set, struct gather_place *place)
{
    set->places[set->count] = place;
    set->jobs[set->count++] = place->job;
}

static void gather_collect(struct gather *gather, struct gather_place *own, struct gather_set *set)
{
    struct gather_place *place;

    set->count = 0;
    gather_add(set, own);
    pthread_mutex_lock(&gather->lock);
    while (set->count < GATHER_JOBS_MAX && (place = gather_take(gather)))
        gather_add(set, place);
    pthread_mutex_unlock(&gather->lock);
}

/* The turn goes to who waits first; unless this one has lasted so long that another one has begun.
 */
static void gather_leave(struct gather *gather, uint64_t turn)
{
    struct gather_place *next = NULL;

    pthread_mutex_lock(&gather->lock);
    if (gather->turn == turn) {
        next = gather_take(gather);
        if (next)
            next->turn = gather_begin(gather);
        else
            gather->since_us = 0;
    }
    pthread_mutex_unlock(&gather->lock);
    if (next)
        sem_post(&next->woken);
}

static void gather_lead(struct gather *gather, struct gather_place *own)
{
    struct gather_set set;

    gather_collect(gather, own, &set);
    own->rc = gather_do(gather, set.jobs, set.count, false, &own->err);
    gather_leave(gather, own->turn);
    for (size_t i = 1; i < set.count; i++) {
        set.places[i]->rc = own->rc;
        if (own->rc)
            set.places[i]->err = own->err;
        sem_post(&set.places[i]->woken); /* gone from here on: it is on its thread's stack */
    }
}

/* Until it is woken, or has lost its patience and leads. */
static void gather_wait(struct gather *gather, struct gather_place *place)
{
    for (;;) {
        const struct timespec until = clock_deadline(GATHER_PATIENCE_MS);

        if (!sem_clockwait(&place->woken, CLOCK_MONOTONIC, &until))
            return;
        if (errno == ETIMEDOUT && gather_lose_patience(gather, place))
            return;
    }
}

/* Have it done, by whomever. */
static enum err gather_join(struct gather *gather, void *job, struct error *err)
{
    struct gather_place place = {.job = job};

    sem_init(&place.woken, 0, 0);
    if (!gather_enter(gather, &place))
        gather_wait(gather, &place);
    if (place.turn)
        gather_lead(gather, &place);
    sem_destroy(&place.woken);
    if (place.rc)
        *err = place.err;
    return place.rc;
}

enum err gather_run(struct gather *gather, void *job, bool small, struct error *err)
{
    enum err rc = small ? gather_join(gather, job, err) : ERR_DB;

    if (rc == ERR_DB || rc == ERR_DB_RETRY)
        rc = gather_do(gather, &job, 1, true, err);
    return rc;
}
