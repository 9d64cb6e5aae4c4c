/*
 * group.c - one commit for many requests. See group.h.
 */
#include "server/intake/group.h"

#include <stdlib.h>

#include "server/intake/insert.h"

enum {
    GROUP_DRAFTS_MAX = 16,        /* of a request: a larger one is a group by itself */
    GROUP_OCTETS_MAX = 64 * 1024, /* of a request's messages */
    GROUP_LOCK_TIMEOUT_MS = 100,
};

struct group_job {
    struct draft_batch *batch;
    const struct command_part *log;
};

/* The command log's part of each job. */
struct group_logs {
    struct command_part *parts; /* owned */
    size_t count;
};

/* transaction_fn */
static enum err group_log(struct db_conn *db, void *arg, struct error *err)
{
    const struct group_logs *logs = arg;

    return command_log_append_parts(db, "addMessages", logs->parts, logs->count, 200, err);
}

enum err group_store_jobs(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                          struct error *err)
{
    struct group_logs logs = {.parts = calloc(count, sizeof(struct command_part))};
    struct insert_list list = {0};
    const struct insert_job job = {.list = &list,
                                   .also = group_log,
                                   .arg = &logs,
                                   .lock_timeout_ms = alone ? 0 : GROUP_LOCK_TIMEOUT_MS};
    enum err rc = logs.parts ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for a group");

    for (; logs.count < count && !rc; logs.count++) {
        const struct group_job *one = jobs[logs.count];

        logs.parts[logs.count] = *one->log;
        rc = insert_list_add(&list, one->batch, err);
    }
    if (!rc)
        rc = insert_drafts(db, &job, err);
    insert_list_clear(&list);
    free(logs.parts);
    return rc;
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

enum err group_store(struct gather *group, struct draft_batch *batch,
                     const struct command_part *log, struct error *err)
{
    struct group_job job = {.batch = batch, .log = log};

    return gather_run(group, &job, group_fits(batch), err);
}
