/*
 * flow.c - one message after another through the stages. See flow.h.
 *
 *     claim --got--> [waiting for memory] --> compose --> send --> record --> forgotten
 */
#include "worker/flow.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/db_array.h"
#include "common/log.h"
#include "worker/record/attempt.h"

enum {
    FLOW_JOB_OVERHEAD_OCTETS = 4096,
    FLOW_ASIDE_MS = 1000, /* who composes for longer waits for somebody: an attachment's server */
};

enum flow_job_state { JOB_WAITING, JOB_COMPOSING, JOB_SENDING, JOB_RECORDING };

struct flow_job {
    struct flow *flow;
    struct flow_job *prev, *next; /* in flow->first */
    enum flow_job_state state;
    struct claim *claim;           /* owned */
    struct compose_job *composing; /* borrowed; while JOB_COMPOSING */
    struct mail *mail;             /* owned; while JOB_SENDING */
    int64_t octets;                /* counted in flow->octets from JOB_COMPOSING on */
    int64_t compose_from_ms, compose_ms;
    bool aside; /* told to the taker */
    struct event_timer aside_timer;
};

static void flow_pump_later(void *arg);

static void flow_tell_moved(struct flow *f)
{
    event_defer(f->loop, f->moved, f->moved_arg);
}

static void flow_job_free_mail(struct flow_job *job)
{
    if (job->mail)
        job->flow->memory.mails--;
    mail_free(job->mail);
    job->mail = NULL;
}

/* A message whose attachments are slow must not have the place of those behind it, where an account
 * has few: see take.h. */
static void flow_job_on_aside_timer(void *arg)
{
    struct flow_job *job = arg;

    job->aside = true;
    take_set_aside(job->flow->taker, job->claim, true);
}

static void flow_job_leave_aside(struct flow_job *job)
{
    event_timer_stop(job->flow->loop, &job->aside_timer);
    if (job->aside)
        take_set_aside(job->flow->taker, job->claim, false);
    job->aside = false;
}

static void flow_job_free(struct flow_job *job)
{
    struct flow *f = job->flow;

    event_timer_stop(f->loop, &job->aside_timer);
    if (f->waiting == job)
        f->waiting = job->next;
    if (job->prev)
        job->prev->next = job->next;
    else
        f->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        f->last = job->prev;
    f->jobs--;
    f->memory.held_octets -= job->octets;
    flow_job_free_mail(job);
    claim_free(job->claim);
    free(job);
}

/* The job's claim goes back untried. */
static void flow_job_return(struct flow_job *job)
{
    struct claim *claim = job->claim;
    struct flow *f = job->flow;

    flow_job_leave_aside(job);
    job->claim = NULL;
    flow_job_free(job);
    lease_set_in_flight(f->lease, f->jobs);
    take_return(f->taker, claim);
    event_defer(f->loop, flow_pump_later, f);
    flow_tell_moved(f);
}

/* 0.0 to 1.0. */
static double flow_jitter(void)
{
    return (double)random() / (double)RAND_MAX;
}

/* Consumes *attempt. The job holds no memory and no place any more, only its claim until that is
 * recorded. */
static void flow_job_record(struct flow_job *job, struct attempt *attempt)
{
    struct flow *f = job->flow;

    attempt->compose_ms = job->compose_ms;
    job->state = JOB_RECORDING;
    f->memory.held_octets -= job->octets;
    job->octets = 0;
    flow_job_free_mail(job);
    batch_add(f->recorder, attempt);
    if (batch_pending(f->recorder) >= BATCH_UNWRITTEN_MAX)
        send_pool_pause(f->pool, true); /* what is sent now would be sent again if we died */
    take_release(f->taker, job->claim);
    event_defer(f->loop, flow_pump_later, f);
}

static void flow_job_sent(void *arg, struct transcript *transcript)
{
    struct flow_job *job = arg;
    struct attempt attempt;
    struct error err;

    if (transcript_is_void(transcript)) {
        transcript_free(transcript);
        flow_job_return(job);
        return;
    }
    if (attempt_from_transcript(job->claim, transcript, flow_jitter(), &attempt, &err)) {
        log_error(LOG_ERROR, "record", "attempt_lost", &err);
        abort(); /* out of memory with a result in hand: our lease ends with us, and the attempt is
                    in doubt */
    }
    transcript_free(transcript);
    flow_job_record(job, &attempt);
}

static void flow_job_send(struct flow_job *job)
{
    struct flow *f = job->flow;
    struct error err;

    job->state = JOB_SENDING;
    f->memory.mails++;
    /* Known now; what was fetched for it was not counted here yet. */
    f->memory.held_octets -= job->octets;
    job->octets = (int64_t)job->mail->data.len + FLOW_JOB_OVERHEAD_OCTETS;
    f->memory.held_octets += job->octets;
    if (send_pool_send(f->pool, job->claim, job->mail, flow_job_sent, job, &err)) {
        log_error(LOG_ERROR, "send", "refused", &err);
        flow_job_return(job);
    }
}

static void flow_job_composed(void *arg, enum compose_end end, struct mail *mail,
                              const char *reason)
{
    struct flow_job *job = arg;
    struct flow *f = job->flow;
    struct attempt attempt;
    struct error err;

    job->composing = NULL;
    flow_job_leave_aside(job);
    job->compose_ms = clock_mono_ms() - job->compose_from_ms;
    free(job->claim->content); /* the mail has it now */
    job->claim->content = NULL;
    switch (end) {
    case COMPOSE_DONE:
        job->mail = mail;
        flow_job_send(job);
        break;
    case COMPOSE_GONE:
        flow_job_return(job);
        break;
    case COMPOSE_PERMANENT:
    case COMPOSE_TEMPORARY:
        if (attempt_from_compose(job->claim, end == COMPOSE_TEMPORARY, reason, flow_jitter(),
                                 &attempt, &err)) {
            log_error(LOG_ERROR, "compose", "attempt_lost", &err);
            flow_job_return(job);
        } else {
            flow_job_record(job, &attempt);
        }
        break;
    }
    flow_tell_moved(f);
}

static void flow_job_compose(struct flow_job *job)
{
    struct flow *f = job->flow;

    job->state = JOB_COMPOSING;
    job->compose_from_ms = clock_mono_ms();
    f->memory.held_octets += job->octets;
    if (!job->claim->account->proven)
        event_timer_start(f->loop, &job->aside_timer, FLOW_ASIDE_MS, flow_job_on_aside_timer, job);
    compose_start(f->compose, job->claim, flow_job_composed, job, &job->composing);
}

/* Start what memory allows, in the order of the claims; the first always may, however large. */
static void flow_pump(struct flow *f)
{
    while (f->waiting && memory_allows_message(&f->memory, f->waiting->octets)) {
        struct flow_job *job = f->waiting;

        f->waiting = job->next;
        flow_job_compose(job);
    }
}

/* Never from inside a stage: one message that fails at once would begin the next, ever deeper. */
static void flow_pump_later(void *arg)
{
    struct flow *f = arg;

    flow_pump(f);
    compose_room_wake(f->compose);
}

/* ---- what the stages call ---- */

void flow_got_claim(void *arg, struct claim *claim)
{
    struct flow *f = arg;
    struct flow_job *job = calloc(1, sizeof(*job));

    if (!job || f->closed) {
        free(job);
        take_return(f->taker, claim);
        return;
    }
    job->flow = f;
    job->claim = claim;
    /* Content and attachments as stored, and the composed mail: base64 and headers make it larger
     * by a third. */
    job->octets = (int64_t)claim->size_octets * 5 / 2 + FLOW_JOB_OVERHEAD_OCTETS;
    job->prev = f->last;
    if (f->last)
        f->last->next = job;
    else
        f->first = job;
    f->last = job;
    if (!f->waiting)
        f->waiting = job;
    f->jobs++;
    lease_set_in_flight(f->lease, f->jobs);
    event_defer(f->loop, flow_pump_later, f);
}

void flow_list_tokens(void *arg, struct db_array *tokens)
{
    struct flow *f = arg;

    for (const struct flow_job *job = f->first; job; job = job->next)
        db_array_int(tokens, job->claim->lease_token);
}

const struct mark *flow_seen(void *arg)
{
    const struct flow *f = arg;

    return lease_mark(f->lease);
}

int32_t flow_count_connections(void *arg, const char *tenant_id, const char *account_id,
                               bool close_idle)
{
    struct flow *f = arg;

    return f->pool ? (int32_t)send_pool_connections(f->pool, tenant_id, account_id, close_idle) : 0;
}

void flow_recorded(void *arg, const struct claim *claim, bool recorded)
{
    struct flow *f = arg;
    struct flow_job *job = f->first;

    while (job && job->claim != claim)
        job = job->next;
    if (!recorded) {
        struct log_line l;

        log_begin(&l, LOG_WARN, "record", "lease_gone");
        log_str(&l, "tenant", claim->account->tenant_id);
        log_str(&l, "message", claim->message_id);
        log_str(&l, "note",
                "recorded before, deleted, or taken over by another worker: nothing was changed");
        log_end(&l);
    }
    if (job)
        flow_job_free(job);
    if (f->pool && batch_pending(f->recorder) < BATCH_UNWRITTEN_MAX)
        send_pool_pause(f->pool, false);
    lease_set_in_flight(f->lease, f->jobs);
    flow_tell_moved(f);
}

/* Some of the worker's leases. */
struct flow_choice {
    const int64_t *lease_tokens; /* ascending; NULL: all of them */
    size_t count;
    uint32_t handed_back; /* so far */
};

static int flow_compare_tokens(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* send_choose_fn */
static bool flow_chooses(void *arg, const struct claim *claim)
{
    const struct flow_choice *choice = arg;

    return !choice->lease_tokens ||
           bsearch(&claim->lease_token, choice->lease_tokens, choice->count,
                   sizeof(choice->lease_tokens[0]), flow_compare_tokens);
}

/* Claims nobody has begun to send go back, or are forgotten when they are no longer ours. */
static void flow_drop(struct flow *f, struct flow_choice *choice)
{
    uint32_t jobs = f->jobs;

    for (struct flow_job *job = f->first, *next; job; job = next) {
        next = job->next;
        if (!flow_chooses(choice, job->claim))
            continue;
        if (job->state == JOB_COMPOSING)
            compose_cancel(job->composing);
        if (job->state == JOB_WAITING)
            job->octets = 0; /* not counted yet */
        if (job->state == JOB_WAITING || job->state == JOB_COMPOSING)
            flow_job_return(job);
    }
    if (f->pool)
        send_pool_withdraw(f->pool, flow_chooses, choice);
    choice->handed_back = jobs - f->jobs;
}

void flow_drop_unsent(struct flow *f)
{
    struct flow_choice all = {0};

    flow_drop(f, &all);
}

void flow_hand_back(void *arg, const int64_t *lease_tokens, size_t count)
{
    struct flow *f = arg;
    struct flow_choice suspended = {.lease_tokens = lease_tokens, .count = count};
    struct log_line l;

    flow_drop(f, &suspended);
    log_begin(&l, LOG_INFO, "claim", "suspended");
    log_int(&l, "held", (int64_t)count);
    log_int(&l, "handed_back", suspended.handed_back);
    log_str(&l, "note", "the others are being sent already");
    log_end(&l);
}

bool flow_is_drained(const struct flow *f)
{
    return !f->jobs && !batch_pending(f->recorder);
}

void flow_cancel(struct flow *f)
{
    for (struct flow_job *job = f->first; job; job = job->next)
        if (job->state == JOB_COMPOSING)
            compose_cancel(job->composing);
}

void flow_clear(struct flow *f)
{
    while (f->first)
        flow_job_free(f->first);
}
