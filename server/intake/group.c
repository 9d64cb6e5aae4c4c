/*
 * group.c - one commit for many requests. See group.h.
 *
 * There is no thread of the group's own: one of those that wait leads, stores what has gathered,
 * and wakes the others.
 */
#include "server/intake/group.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "server/intake/insert.h"

enum {
    GROUP_WRITERS = 2, /* one fills its transaction while the other's commit waits for the disk */
    GROUP_REQUESTS_MAX = 64,
    GROUP_DRAFTS_MAX = 16,        /* of a request: a larger one is a group by itself */
    GROUP_OCTETS_MAX = 64 * 1024, /* of a request's messages */
    GROUP_LOCK_TIMEOUT_MS = 100,
};

enum group_state { GROUP_WAITING, GROUP_LED, GROUP_ALONE, GROUP_DONE };

struct group_job {
    struct draft_batch *batch;
    const struct command_part *log;
    enum group_state state;
    enum err rc;
    struct error err;
    pthread_cond_t changed; /* `state`, or it is this one's turn to lead */
    TAILQ_ENTRY(group_job) link;
};

TAILQ_HEAD(group_jobs, group_job);

struct group {
    struct db_pool *pool;
    int64_t wait_ms;
    pthread_mutex_t lock; /* guards all below, and the state of every job */
    struct group_jobs waiting;
    uint32_t writers;
};

/* What a leader stores. */
struct group_set {
    struct group_job *jobs[GROUP_REQUESTS_MAX];
    struct command_part logs[GROUP_REQUESTS_MAX];
    size_t count;
};

enum err group_new(struct db_pool *pool, int64_t wait_ms, struct group **ret, struct error *err)
{
    struct group *group = calloc(1, sizeof(*group));

    if (!group)
        return error_set(err, ERR_NOMEM, "out of memory for groups of requests");
    group->pool = pool;
    group->wait_ms = wait_ms;
    pthread_mutex_init(&group->lock, NULL);
    TAILQ_INIT(&group->waiting);
    *ret = group;
    return ERR_OK;
}

void group_free(struct group *group)
{
    if (!group)
        return;
    pthread_mutex_destroy(&group->lock);
    free(group);
}

/* transaction_fn */
static enum err group_log(struct db_conn *db, void *arg, struct error *err)
{
    const struct group_set *set = arg;

    return command_log_append_parts(db, "addMessages", set->logs, set->count, 200, err);
}

/* Store all of the set in one transaction. lock_timeout_ms: as insert_job has it. */
static enum err group_store_set(struct group *group, struct group_set *set, int64_t lock_timeout_ms,
                                struct error *err)
{
    struct insert_list list = {0};
    const struct insert_job job = {
        .list = &list, .also = group_log, .arg = set, .lock_timeout_ms = lock_timeout_ms};
    struct db_conn *db = NULL;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < set->count && !rc; i++)
        rc = insert_list_add(&list, set->jobs[i]->batch, err);
    if (!rc)
        rc = db_pool_take(group->pool, group->wait_ms, &db, err);
    if (!rc)
        rc = insert_drafts(db, &job, err);
    db_pool_give(group->pool, db);
    insert_list_clear(&list);
    return rc;
}

static enum err group_store_alone(struct group *group, struct group_job *job, struct error *err)
{
    struct group_set set = {.jobs = {job}, .logs = {*job->log}, .count = 1};

    return group_store_set(group, &set, 0, err);
}

/* Locked. Who waits first leads next. */
static void group_wake_next(struct group *group)
{
    struct group_job *next = TAILQ_FIRST(&group->waiting);

    if (next && group->writers < GROUP_WRITERS)
        pthread_cond_signal(&next->changed);
}

/* Locked on entry and on return: take what waits, store it, tell those it is of. */
static void group_lead(struct group *group)
{
    struct group_set set = {.count = 0};
    struct group_job *job;
    struct error err;
    enum err rc;

    while (set.count < GROUP_REQUESTS_MAX && (job = TAILQ_FIRST(&group->waiting))) {
        TAILQ_REMOVE(&group->waiting, job, link);
        job->state = GROUP_LED;
        set.logs[set.count] = *job->log;
        set.jobs[set.count++] = job;
    }
    group->writers++;
    group_wake_next(group);
    pthread_mutex_unlock(&group->lock);
    rc = group_store_set(group, &set, GROUP_LOCK_TIMEOUT_MS, &err);
    pthread_mutex_lock(&group->lock);
    group->writers--;
    for (size_t i = 0; i < set.count; i++) {
        job = set.jobs[i];
        job->rc = rc;
        if (rc)
            job->err = err;
        job->state = rc == ERR_DB || rc == ERR_DB_RETRY ? GROUP_ALONE : GROUP_DONE;
        pthread_cond_signal(&job->changed);
    }
    group_wake_next(group);
}

/* May it hold others up? One with batch codes waits for whoever suspends such a batch, which may
 * take seconds. */
static bool group_fits(const struct draft_batch *batch)
{
    int64_t octets = 0;

    if (batch->count > GROUP_DRAFTS_MAX)
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].batch_code)
            return false;
        octets += batch->items[i].size_octets;
    }
    return octets <= GROUP_OCTETS_MAX;
}

enum err group_store(struct group *group, struct draft_batch *batch, const struct command_part *log,
                     struct error *err)
{
    struct group_job job = {.batch = batch, .log = log, .state = GROUP_ALONE};

    if (!group_fits(batch))
        return group_store_alone(group, &job, err);
    pthread_cond_init(&job.changed, NULL);
    pthread_mutex_lock(&group->lock);
    job.state = GROUP_WAITING;
    TAILQ_INSERT_TAIL(&group->waiting, &job, link);
    while (job.state == GROUP_WAITING || job.state == GROUP_LED) {
        if (job.state == GROUP_WAITING && group->writers < GROUP_WRITERS)
            group_lead(group);
        else
            pthread_cond_wait(&job.changed, &group->lock);
    }
    pthread_mutex_unlock(&group->lock);
    pthread_cond_destroy(&job.changed);
    if (job.state == GROUP_ALONE)
        return group_store_alone(group, &job, err);
    if (job.rc)
        *err = job.err;
    return job.rc;
}
