/*
 * flow.h - one message after another through the stages: claim, compose, send, record.
 *
 * A job is one claim on its way. It counts against memory from when it is composed until its result
 * waits to be recorded, and it is remembered until the result is recorded, so that a claim whose
 * answer was lost can be told from one that is under way.
 */
#ifndef WORKER_FLOW_H
#define WORKER_FLOW_H

#include "common/event.h"
#include "worker/claim/lease.h"
#include "worker/claim/take.h"
#include "worker/compose/job.h"
#include "worker/memory.h"
#include "worker/record/batch.h"
#include "worker/send/pool.h"

struct flow_job;

/* The stages are set by worker/loop.c before the first claim; all borrowed. */
struct flow {
    const struct config *config;
    struct event_loop *loop;
    struct lease *lease;
    struct taker *taker;
    struct compose_room *compose;
    struct send_pool *pool;
    struct batch_recorder *recorder;
    event_timer_fn *moved; /* deferred to the turn's end after a job has ended */
    void *moved_arg;

    struct flow_job *first, *last; /* all jobs, oldest first */
    struct flow_job
        *waiting; /* the first that waits for memory; those behind it wait too; NULL: none */
    uint32_t jobs;
    struct memory memory;
    bool closed; /* hand back what is claimed from now on */
};

/* These are the callbacks of the stages; `arg` is the struct flow. */
void flow_got_claim(void *arg, struct claim *claim);
void flow_list_tokens(void *arg, struct db_array *tokens);
const struct mark *flow_seen(void *arg);
int32_t flow_count_connections(void *arg, const char *tenant_id, const char *account_id,
                               bool close_idle);
void flow_recorded(void *arg, const struct claim *claim, bool recorded);

/* Claims nobody has begun to send go back; those that wait for a connection, too. */
void flow_drop_unsent(struct flow *flow);
/* The same for those with one of these lease tokens, in ascending order: a suspension_fn, `arg` is
 * the struct flow. */
void flow_hand_back(void *arg, const int64_t *lease_tokens, size_t count);
bool flow_is_drained(const struct flow *flow); /* no job, no unwritten result */
/* Free the jobs. Call flow_cancel() while compose still stands, flow_clear() after the stages are
 * gone. */
void flow_cancel(struct flow *flow);
void flow_clear(struct flow *flow);

#endif
