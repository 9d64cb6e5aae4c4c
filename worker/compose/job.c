/*
 * job.c - gather content and attachments step by step, then compose. See job.h.
 */
#include "worker/compose/job.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/json.h"
#include "sql/statements.h"
#include "worker/compose/attachment_list.h"
#include "worker/compose/compose.h"
#include "worker/compose/fetch.h"
#include "worker/compose/places.h"
#include "worker/compose/stored.h"

enum { JOB_FETCHES_MAX = 3 }; /* of one message */
enum { JOB_REASON_OCTETS = 2048, JOB_MEBIBYTE = 1024 * 1024 };

struct compose_room {
    struct fetch_means means;
    struct db_async *db; /* borrowed */
    struct cache *cache;
    TAILQ_HEAD(, compose_job) turns; /* jobs that may begin another fetch: none holds up others */
    struct places places;            /* for requests under way */
    struct memory *memory;           /* borrowed */
};

/* A request under way. */
struct job_fetch {
    struct compose_job *job;
    struct attachment *attachment; /* NULL: this slot is free */
    struct http_call *call;
    size_t place; /* in the room */
};

struct compose_job {
    struct compose_room *room;
    struct claim *claim;   /* borrowed */
    compose_done_fn *done; /* NULL: cancelled; what is left waits for its statements to end */
    void *arg;
    unsigned statements;   /* under way */
    struct error db_error; /* the first that failed */
    char *content_text;    /* owned; when it was loaded */
    cJSON *content;        /* owned */
    struct stored_list stored;
    struct attachment_list attachments;
    size_t next; /* the first attachment nothing was done about yet */
    int64_t fetched_octets;
    struct job_fetch fetches[JOB_FETCHES_MAX];
    unsigned fetching;
    TAILQ_ENTRY(compose_job) turn;
    bool waiting; /* for its turn */
};

enum err compose_room_new(const struct config *config, struct db_async *db,
                          struct http_client *http, const struct secret_ring *keys,
                          struct memory *memory, struct compose_room **ret, struct error *err)
{
    struct compose_room *room = calloc(1, sizeof(*room));
    enum err rc;

    if (!room)
        return error_set(err, ERR_NOMEM, "out of memory for composing");
    rc = cache_new(config, &room->cache, err);
    if (rc) {
        free(room);
        return rc;
    }
    room->means =
        (struct fetch_means){.config = config, .http = http, .keys = keys, .cache = room->cache};
    TAILQ_INIT(&room->turns);
    room->db = db;
    room->memory = memory;
    *ret = room;
    return ERR_OK;
}

void compose_room_free(struct compose_room *room)
{
    if (room)
        cache_free(room->cache);
    free(room);
}

static void room_add(struct compose_room *room, struct compose_job *job)
{
    if (!job->waiting)
        TAILQ_INSERT_TAIL(&room->turns, job, turn);
    job->waiting = true;
}

static void room_remove(struct compose_room *room, struct compose_job *job)
{
    if (job->waiting)
        TAILQ_REMOVE(&room->turns, job, turn);
    job->waiting = false;
}

/* What is at hand may always be taken, what must be fetched needs a place. */
static bool room_may_begin(const struct compose_room *room, const struct compose_job *job)
{
    enum attachment_source source = job->attachments.items[job->next].source;

    return source == ATTACHMENT_STORED || source == ATTACHMENT_FILESYSTEM ||
           (places_has_one_for(&room->places, job->claim->account->tenant_id) &&
            memory_allows_fetch(room->memory));
}

static void room_end_fetch(struct compose_room *room, const struct job_fetch *fetch)
{
    places_leave(&room->places, fetch->place);
    room->memory->expected_octets -= memory_fetch_octets(room->memory);
}

/* ---- the end of a job ---- */

static void job_free(struct compose_job *job)
{
    attachment_list_clear(&job->attachments);
    stored_list_clear(&job->stored);
    cJSON_Delete(job->content);
    free(job->content_text);
    free(job);
}

/* Nothing of it is wanted any more. It goes when its statements have ended: they cannot be taken
 * back. */
static void job_drop(struct compose_job *job)
{
    room_remove(job->room, job);
    for (size_t i = 0; i < JOB_FETCHES_MAX; i++) {
        if (!job->fetches[i].attachment)
            continue;
        http_call_cancel(job->fetches[i].call);
        room_end_fetch(job->room, &job->fetches[i]);
    }
    job->room->memory->held_octets -= job->fetched_octets;
    job->fetched_octets = 0;
    job->done = NULL;
    if (!job->statements)
        job_free(job);
}

/* The places it leaves are taken when another job begins or goes on: nobody's `done` is called from
 * inside this. */
void compose_cancel(struct compose_job *job)
{
    job_drop(job);
}

static void job_end(struct compose_job *job, enum compose_end end, struct mail *mail,
                    const char *reason)
{
    compose_done_fn *done = job->done;
    void *arg = job->arg;

    job_drop(job);
    done(arg, end, mail, reason);
}

/* What the kind of failure means for the message. */
static enum compose_end job_judge(enum err rc)
{
    switch (rc) {
    case ERR_NOMEM:
    case ERR_DB_GONE:
    case ERR_DB_RETRY:
        return COMPOSE_GONE;
    case ERR_INPUT:
    case ERR_LIMIT:
    case ERR_NOT_FOUND:
        return COMPOSE_PERMANENT;
    default: /* the network, a local file, a key that an operator may bring back */
        return COMPOSE_TEMPORARY;
    }
}

static void job_fail(struct compose_job *job, enum err rc, const struct error *err)
{
    job_end(job, job_judge(rc), NULL, err->text);
}

/* The words the client looks for, then the cause. What foreign hosts put into it is made valid
 * UTF-8. */
static void job_fail_attachment(struct compose_job *job, const struct attachment *a, enum err rc,
                                const struct error *err)
{
    char reason[JOB_REASON_OCTETS];

    g_snprintf(reason, sizeof(reason), "Attachment fetch failed for %s: %s", a->filename,
               err->text);
    char *valid = g_utf8_make_valid(reason, -1);
    job_end(job, job_judge(rc), NULL, valid);
    g_free(valid);
}

/* ---- all is there ---- */

static void job_compose(struct compose_job *job)
{
    const struct claim *claim = job->claim;
    struct compose_attachment *list = calloc(job->attachments.count + 1, sizeof(*list));
    size_t max_octets = (size_t)job->room->means.config->max_message_bytes;
    struct mail *mail = NULL;
    struct error err = {0};

    if (!list) {
        job_end(job, COMPOSE_GONE, NULL, "out of memory for attachments");
        return;
    }
    for (size_t i = 0; i < job->attachments.count; i++) {
        const struct attachment *a = &job->attachments.items[i];
        list[i] = (struct compose_attachment){
            .filename = a->filename, .mime_type = a->mime_type, .octets = a->octets, .len = a->len};
    }
    const struct compose_input input = {
        .content = job->content,
        .message_id = claim->message_id,
        .mime_message_id = claim->mime_message_id,
        .created_us = claim->created_us,
        .account = claim->account,
        .settled = claim->settled,
        .attachments = list,
        .attachment_count = job->attachments.count,
        /* The limit is on what the client gave; base64 makes it 1.37 times as large, and fields
           come on top. */
        .max_octets = max_octets + max_octets / 2 + JOB_MEBIBYTE,
    };
    enum err rc =
        attachment_list_check_large(&job->attachments, job->claim->tenant->large_file_config, &err);
    if (!rc)
        rc = compose_mail(&input, &mail, &err);
    free(list);
    if (rc)
        job_fail(job, rc, &err);
    else
        job_end(job, COMPOSE_DONE, mail, NULL);
}

/* ---- fetching ---- */

static enum err job_check_total(const struct compose_job *job, struct error *err)
{
    return attachment_list_check_total(&job->attachments,
                                       job->room->means.config->max_message_bytes, err);
}

/* Something of the job was settled: compose, or wait for the next turn. */
static void job_advance(struct compose_job *job)
{
    if (job->next < job->attachments.count) {
        if (job->fetching < JOB_FETCHES_MAX)
            room_add(job->room, job);
    } else if (!job->fetching) {
        job_compose(job);
    }
}

/* Octets that the claim's size does not count. */
static void job_hold(struct compose_job *job, const struct attachment *a)
{
    job->fetched_octets += (int64_t)a->len;
    job->room->memory->held_octets += (int64_t)a->len;
}

static void job_fetched(void *arg, const struct http_answer *answer)
{
    struct job_fetch *fetch = arg;
    struct compose_job *job = fetch->job;
    struct compose_room *room = job->room;
    struct attachment *a = fetch->attachment;
    struct error err = {0};

    room_end_fetch(room, fetch);
    *fetch = (struct job_fetch){0};
    job->fetching--;
    enum err rc = fetch_take_answer(&room->means, job->claim, answer, a, &err);
    job_hold(job, a);
    if (!rc)
        rc = job_check_total(job, &err);
    if (rc)
        job_fail_attachment(job, a, rc, &err);
    else
        job_advance(job);
    compose_room_wake(room);
}

static enum err job_fetch_remote(struct compose_job *job, struct attachment *a, struct error *err)
{
    struct job_fetch *fetch = job->fetches;

    while (fetch->attachment) /* there is a free one: job->fetching is below the maximum */
        fetch++;
    *fetch = (struct job_fetch){.job = job, .attachment = a};
    enum err rc =
        fetch_remote(&job->room->means, job->claim, a, job_fetched, fetch, &fetch->call, err);
    if (rc) {
        *fetch = (struct job_fetch){0};
        return rc;
    }
    job->fetching++;
    fetch->place = places_take(&job->room->places, job->claim->account->tenant_id);
    job->room->memory->expected_octets += memory_fetch_octets(job->room->memory);
    return ERR_OK;
}

/* Begin with the next attachment; the job may have ended after this. */
static void job_fetch_next(struct compose_job *job)
{
    struct attachment *a = &job->attachments.items[job->next++];
    struct error err = {0};
    enum err rc = ERR_OK;

    if (a->source == ATTACHMENT_FILESYSTEM)
        rc = fetch_local(&job->room->means, a, &err);
    else if (a->source != ATTACHMENT_STORED && fetch_cached(&job->room->means, job->claim, a))
        job_hold(job, a);
    else if (a->source != ATTACHMENT_STORED)
        rc = job_fetch_remote(job, a, &err);
    if (!rc && !a->len && (a->source == ATTACHMENT_STORED || a->source == ATTACHMENT_FILESYSTEM))
        rc = error_set(&err, ERR_INPUT, "returned no data");
    if (!rc)
        rc = job_check_total(job, &err);
    if (rc)
        job_fail_attachment(job, a, rc, &err);
    else
        job_advance(job);
}

void compose_room_wake(struct compose_room *room)
{
    struct compose_job *job = TAILQ_FIRST(&room->turns);

    while (job) {
        if (!room_may_begin(room, job)) {
            job = TAILQ_NEXT(job, turn);
            continue;
        }
        room_remove(room, job);
        job_fetch_next(job);
        job = TAILQ_FIRST(&room->turns); /* the queue may be another now */
    }
}

/* ---- content and stored attachments ---- */

/* Read the list of attachments; false: the job has ended. */
static bool job_list_attachments(struct compose_job *job)
{
    struct error err = {0};
    enum err rc = attachment_list_read(json_get_value(job->content, "attachments"), &job->stored,
                                       &job->attachments, &err);

    if (!rc)
        return true;
    if (rc == ERR_NOMEM || !job->attachments.count)
        job_fail(job, rc, &err);
    else
        job_fail_attachment(job, &job->attachments.items[job->attachments.count - 1], rc, &err);
    return false;
}

static void job_begin(struct compose_job *job)
{
    const char *text = job->content_text ? job->content_text : job->claim->content;
    struct json_syntax_error syntax;
    struct compose_room *room = job->room;
    struct error err = {0};
    struct error db_error = job->db_error; /* its text outlives the job */
    enum err rc = db_error.code;

    if (rc) {
        job_fail(job, rc, &db_error);
        return;
    }
    if (!text) {
        job_end(job, COMPOSE_PERMANENT, NULL, "the content of the message is not stored any more");
        return;
    }
    rc = json_parse(text, strlen(text), &job->content, &syntax, &err);
    if (rc) {
        job_fail(job, rc, &err);
        return;
    }
    if (!job_list_attachments(job))
        return;
    job_advance(job);
    compose_room_wake(room);
}

/* One statement less to wait for. */
static void job_statement_ended(struct compose_job *job, enum err rc, const struct error *err)
{
    job->statements--;
    if (rc && !job->db_error.code) {
        job->db_error = *err;
        job->db_error.code = rc;
    }
    if (job->statements)
        return;
    if (job->done)
        job_begin(job);
    else
        job_free(job);
}

static void job_content_loaded(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct compose_job *job = arg;
    struct error own;

    if (!rc && job->done && PQntuples(res) > 0) {
        job->content_text = strdup(db_str(res, 0, 0));
        if (!job->content_text)
            rc = error_set(&own, ERR_NOMEM, "out of memory for a message's content");
    }
    job_statement_ended(job, rc, rc && !err ? &own : err);
}

static void job_attachments_loaded(void *arg, enum err rc, const PGresult *res,
                                   const struct error *err)
{
    struct compose_job *job = arg;
    struct error own;

    if (!rc && job->done)
        rc = stored_list_read(res, &job->stored, &own);
    job_statement_ended(job, rc, rc && !err ? &own : err);
}

static enum err job_load(struct compose_job *job, const struct db_stmt *stmt, db_done_fn *done,
                         struct error *err)
{
    struct db_params params = {0};

    db_param_int(&params, job->claim->message_pk);
    db_param_int(&params, job->claim->created_us);
    enum err rc = db_async_run(job->room->db, stmt, &params, done, job, err);
    if (!rc)
        job->statements++;
    return rc;
}

void compose_start(struct compose_room *room, struct claim *claim, compose_done_fn *done, void *arg,
                   struct compose_job **ret)
{
    struct compose_job *job = calloc(1, sizeof(*job));
    struct error err = {0};
    enum err rc = ERR_OK;

    *ret = job; /* before anything can end it */
    if (!job) {
        done(arg, COMPOSE_GONE, NULL, "out of memory for a message");
        return;
    }
    job->room = room;
    job->claim = claim;
    job->done = done;
    job->arg = arg;
    if (!claim->content)
        rc = job_load(job, &SQL_LOAD_CONTENT, job_content_loaded, &err);
    if (!rc && claim->attachments > 0)
        rc = job_load(job, &SQL_LOAD_ATTACHMENTS, job_attachments_loaded, &err);
    if (rc)
        job_fail(job, rc, &err);
    else if (!job->statements)
        job_begin(job);
}
