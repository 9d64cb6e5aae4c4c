/*
 * keeper.c - one question to a token endpoint at a time. See keeper.h.
 *
 *     take --token--> told
 *          --lease--> fetch --token--> store --> told
 *                           --none---> fail ---> take again: the error, or the old token while it
 * lasts
 *          --neither: another worker has the lease--> take again, in a moment
 *
 * A token is stored before it is used: what came with it, a refresh token that may be good only
 * once, must not be lost.
 */
#include "worker/authorize/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/log.h"
#include "sql/statements.h"
#include "worker/authorize/endpoint.h"
#include "worker/http_url.h"

enum {
    KEEPER_EARLY_S = 60, /* before its end a token is renewed; of a short life, half of it */
    KEEPER_LEASE_S = 45, /* outlasts the call and the statement that ends it */
    KEEPER_MOMENT_MS = 250,
    KEEPER_DATABASE_MS = 1000,
    /* Which keeps what is in flight from asking again at once; longer pauses are the account's
       gate. */
    KEEPER_TEMPORARY_S = 5,
    KEEPER_PERMANENT_S = 60,
    KEEPER_RETRY_AFTER_MAX_S = 3600,
};

TAILQ_HEAD(keeper_waits, keeper_wait);
TAILQ_HEAD(keeper_jobs, keeper_job);

struct keeper {
    struct event_loop *loop;
    struct db_async *db;
    struct http_client *http;
    const struct secret_ring *keys;
    struct keeper_jobs jobs;
};

struct keeper_wait {
    TAILQ_ENTRY(keeper_wait) link;
    struct keeper_waits *list; /* which it is in */
    int64_t refused;
    keeper_done_fn *done;
    void *arg;
};

/* All that wait for one account's token. */
struct keeper_job {
    TAILQ_ENTRY(keeper_job) link; /* in keeper.jobs, but for one that is telling its last */
    struct keeper *keeper;
    char *tenant_id, *account_id; /* owned */
    int64_t version;
    int64_t unreadable; /* the serial of a token that no key opens; 0: none */
    struct keeper_waits waits;
    struct grant grant;
    struct http_call *call; /* under way */
    struct answer answer;   /* while it is being stored */
    char why[ERROR_TEXT_OCTETS];
    struct event_timer timer;
};

static void keeper_take(void *arg);

static struct grant_owner keeper_owner(const struct keeper_job *job)
{
    return (struct grant_owner){job->tenant_id, job->account_id};
}

static void keeper_again(struct keeper_job *job, event_timer_fn *step, int64_t in_ms)
{
    event_timer_start(job->keeper->loop, &job->timer, in_ms, step, job);
}

static void keeper_log(const struct keeper_job *job, enum log_level level, const char *event,
                       const char *key, int64_t value, const char *error)
{
    struct log_line l;

    log_begin(&l, level, "authorize", event);
    log_str(&l, "tenant", job->tenant_id);
    log_str(&l, "account", job->account_id);
    log_int(&l, key, value);
    if (error)
        log_str(&l, "error", error);
    log_end(&l);
}

static void keeper_job_free(struct keeper_job *job)
{
    event_timer_stop(job->keeper->loop, &job->timer);
    if (job->call)
        http_call_cancel(job->call);
    grant_clear(&job->grant);
    answer_clear(&job->answer);
    free(job->tenant_id);
    free(job->account_id);
    free(job);
}

/* ---- telling those who wait ---- */

static void keeper_move(struct keeper_wait *wait, struct keeper_waits *to)
{
    TAILQ_REMOVE(wait->list, wait, link);
    TAILQ_INSERT_TAIL(to, wait, link);
    wait->list = to;
}

/* A token answers nobody who has seen it refused: they go on waiting for the next. */
static void keeper_tell(struct keeper_job *job, const struct keeper_answer *answer)
{
    struct keeper_waits told = TAILQ_HEAD_INITIALIZER(told);
    struct keeper_wait *wait = TAILQ_FIRST(&job->waits), *next;
    bool last;

    for (; wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        if (answer->end != KEEPER_TOKEN || !wait->refused || answer->serial > wait->refused)
            keeper_move(wait, &told);
    }
    last = TAILQ_EMPTY(&job->waits);
    if (last)
        TAILQ_REMOVE(&job->keeper->jobs, job, link);
    while ((wait = TAILQ_FIRST(&told))) { /* each may ask anew, and cancel others */
        keeper_done_fn *done = wait->done;
        void *arg = wait->arg;

        keeper_cancel(wait);
        done(arg, answer);
    }
    if (last)
        keeper_job_free(job);
    else
        keeper_again(job, keeper_take, 0);
}

static void keeper_tell_none(struct keeper_job *job, const char *why)
{
    const struct keeper_answer answer = {.end = KEEPER_NONE, .why = why};

    keeper_tell(job, &answer);
}

/* ---- the database ---- */

static void keeper_failed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    (void)res;
    (void)err;
    keeper_again(arg, keeper_take, rc ? KEEPER_DATABASE_MS : 0);
}

/* The lease ends without a token. */
static void keeper_fail(struct keeper_job *job, const char *why, int64_t again_s)
{
    struct db_params p = {0};

    snprintf(job->why, sizeof(job->why), "no access token: %s", why);
    keeper_log(job, LOG_WARN, "no_token", "retry_in_s", again_s, why);
    db_param_text(&p, job->tenant_id);
    db_param_text(&p, job->account_id);
    db_param_int(&p, job->grant.lease_token);
    db_param_text(&p, job->why);
    db_param_int(&p, again_s);
    if (db_async_run(job->keeper->db, &SQL_FAIL_TOKEN, &p, keeper_failed, job, NULL))
        keeper_again(job, keeper_take, KEEPER_DATABASE_MS);
}

static void keeper_store(void *arg);

static void keeper_stored(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct keeper_job *job = arg;
    struct keeper_answer answer = {.end = KEEPER_TOKEN, .token = job->answer.access_token};

    if (rc == ERR_DB_GONE || rc == ERR_DB_RETRY) { /* if it was stored, no row is found then */
        keeper_again(job, keeper_store, KEEPER_DATABASE_MS);
        return;
    }
    if (rc) {
        keeper_tell_none(job, err->text);
        return;
    }
    if (!PQntuples(res)) {
        answer_clear(&job->answer);
        keeper_take(job);
        return;
    }
    answer.serial = db_int(res, 0, 0);
    keeper_log(job, LOG_INFO, "token", "expires_in_s", job->answer.expires_s, NULL);
    keeper_tell(job, &answer);
}

static void keeper_store(void *arg)
{
    struct keeper_job *job = arg;
    const struct secret_ring *keys = job->keeper->keys;
    const struct grant_owner owner = keeper_owner(job);
    int32_t life_s = job->answer.expires_s;
    struct sealed access = {0}, refresh = {0};
    struct db_params p = {0};
    struct error err;
    enum err rc = grant_seal_access(keys, &owner, job->answer.access_token, &access, &err);

    if (!rc && job->answer.refresh_token && job->grant.origin)
        rc = grant_seal_refresh(keys, &owner, &job->grant, job->answer.refresh_token, &refresh,
                                &err);
    if (rc) {
        keeper_fail(job, err.text, KEEPER_PERMANENT_S);
        goto out;
    }
    db_param_text(&p, job->tenant_id);
    db_param_text(&p, job->account_id);
    db_param_int(&p, job->grant.lease_token);
    db_param_octets(&p, access.octets, access.len);
    db_param_text(&p, access.key_id);
    db_param_octets(&p, refresh.octets, refresh.len);
    db_param_text(&p, refresh.octets ? refresh.key_id : NULL);
    if (life_s)
        db_param_int(&p, life_s);
    else
        db_param_null(&p);
    db_param_int(&p, life_s / 2 < KEEPER_EARLY_S ? (life_s + 1) / 2 : KEEPER_EARLY_S);
    if (db_async_run(job->keeper->db, &SQL_STORE_TOKEN, &p, keeper_stored, job, &err))
        keeper_again(job, keeper_store, KEEPER_DATABASE_MS);
out:
    sealed_clear(&access);
    sealed_clear(&refresh);
}

/* ---- the token endpoint ---- */

/* "login.example.com answered 400 invalid_grant: ..." */
static void keeper_fail_by(struct keeper_job *job, const struct answer *answer,
                           int64_t retry_after_s)
{
    char *url = NULL, *host = NULL;
    char why[ERROR_TEXT_OCTETS];
    int64_t again_s = answer->permanent ? KEEPER_PERMANENT_S : KEEPER_TEMPORARY_S;

    if (!answer->permanent && retry_after_s > again_s)
        again_s =
            retry_after_s < KEEPER_RETRY_AFTER_MAX_S ? retry_after_s : KEEPER_RETRY_AFTER_MAX_S;
    if (http_url_read(job->grant.url, &url, &host, NULL))
        host = NULL;
    snprintf(why, sizeof(why), "%.100s %s", host ? host : "the token endpoint", answer->why);
    free(url);
    free(host);
    keeper_fail(job, why, again_s);
}

static void keeper_fetched(void *arg, const struct http_answer *http)
{
    struct keeper_job *job = arg;
    struct error err;

    job->call = NULL;
    if (http->rc) {
        keeper_fail(job, http->err.text,
                    http->refused_address ? KEEPER_PERMANENT_S : KEEPER_TEMPORARY_S);
        return;
    }
    if (endpoint_read(&job->grant, http, &job->answer, &err)) {
        keeper_fail(job, err.text, KEEPER_TEMPORARY_S);
        return;
    }
    if (job->answer.access_token)
        keeper_store(job);
    else
        keeper_fail_by(job, &job->answer, http->retry_after_s);
}

static void keeper_fetch(struct keeper_job *job)
{
    struct error err;

    if (endpoint_ask(job->keeper->http, &job->grant, keeper_fetched, job, &job->call, &err))
        keeper_fail(job, err.text, KEEPER_PERMANENT_S);
}

/* ---- what there is ---- */

/* A row that cannot be opened, perhaps since its key is gone: where it can be renewed, it is. */
static void keeper_despair(struct keeper_job *job, enum err rc, const char *why)
{
    if (job->grant.lease_token) {
        keeper_fail(job, why, KEEPER_PERMANENT_S);
    } else if (rc == ERR_SECRET && job->grant.serial > job->unreadable) {
        job->unreadable = job->grant.serial;
        keeper_take(job);
    } else {
        keeper_tell_none(job, why);
    }
}

static void keeper_taken(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    static const struct keeper_answer changed = {.end = KEEPER_CHANGED};
    struct keeper_job *job = arg;
    const struct grant_owner owner = keeper_owner(job);
    struct error why;

    if (rc == ERR_DB_GONE || rc == ERR_DB_RETRY) {
        keeper_again(job, keeper_take, KEEPER_DATABASE_MS);
        return;
    }
    if (rc) {
        keeper_tell_none(job, err->text);
        return;
    }
    if (!PQntuples(res)) {
        keeper_tell(job, &changed);
        return;
    }
    rc = grant_read(res, job->keeper->keys, &owner, &job->grant, &why);
    if (rc) {
        keeper_despair(job, rc, why.text);
    } else if (job->grant.lease_token) {
        keeper_fetch(job);
    } else if (job->grant.token) {
        const struct keeper_answer answer = {
            .end = KEEPER_TOKEN, .token = job->grant.token, .serial = job->grant.serial};

        keeper_tell(job, &answer);
    } else if (job->grant.error) {
        keeper_tell_none(job, job->grant.error);
    } else {
        keeper_again(job, keeper_take, KEEPER_MOMENT_MS);
    }
}

/* event_timer_fn */
static void keeper_take(void *arg)
{
    struct keeper_job *job = arg;
    const struct keeper_wait *wait;
    int64_t refused = job->unreadable;
    struct db_params p = {0};

    grant_clear(&job->grant);
    answer_clear(&job->answer);
    if (TAILQ_EMPTY(&job->waits)) { /* nobody wants to know any more */
        TAILQ_REMOVE(&job->keeper->jobs, job, link);
        keeper_job_free(job);
        return;
    }
    TAILQ_FOREACH(wait, &job->waits, link)
    {
        if (wait->refused > refused)
            refused = wait->refused;
    }
    db_param_text(&p, job->tenant_id);
    db_param_text(&p, job->account_id);
    db_param_int(&p, job->version);
    db_param_int(&p, refused);
    db_param_int(&p, KEEPER_LEASE_S);
    if (db_async_run(job->keeper->db, &SQL_TAKE_TOKEN, &p, keeper_taken, job, NULL))
        keeper_again(job, keeper_take, KEEPER_DATABASE_MS);
}

/* ---- for the connections ---- */

static struct keeper_job *keeper_find(struct keeper *keeper, const struct claim_account *account)
{
    struct keeper_job *job;

    TAILQ_FOREACH(job, &keeper->jobs, link)
    {
        if (job->version == account->version && !strcmp(job->account_id, account->account_id) &&
            !strcmp(job->tenant_id, account->tenant_id))
            return job;
    }
    return NULL;
}

/* NULL: out of memory. */
static struct keeper_job *keeper_job_new(struct keeper *keeper, const struct claim_account *account)
{
    struct keeper_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    job->keeper = keeper;
    job->version = account->version;
    TAILQ_INIT(&job->waits);
    job->tenant_id = strdup(account->tenant_id);
    job->account_id = strdup(account->account_id);
    if (!job->tenant_id || !job->account_id) {
        keeper_job_free(job);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&keeper->jobs, job, link);
    keeper_again(job, keeper_take, 0);
    return job;
}

enum err keeper_ask(struct keeper *keeper, const struct claim_account *account, int64_t refused,
                    keeper_done_fn *done, void *arg, struct keeper_wait **ret, struct error *err)
{
    struct keeper_wait *wait = calloc(1, sizeof(*wait));
    struct keeper_job *job = wait ? keeper_find(keeper, account) : NULL;

    if (wait && !job)
        job = keeper_job_new(keeper, account);
    if (!job) {
        free(wait);
        return error_set(err, ERR_NOMEM, "out of memory for an access token");
    }
    wait->refused = refused;
    wait->done = done;
    wait->arg = arg;
    wait->list = &job->waits;
    TAILQ_INSERT_TAIL(&job->waits, wait, link);
    *ret = wait;
    return ERR_OK;
}

void keeper_cancel(struct keeper_wait *wait)
{
    if (!wait)
        return;
    TAILQ_REMOVE(wait->list, wait, link);
    free(wait);
}

enum err keeper_new(struct event_loop *loop, struct db_async *db, struct http_client *http,
                    const struct secret_ring *keys, struct keeper **ret, struct error *err)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));

    if (!keeper)
        return error_set(err, ERR_NOMEM, "out of memory for access tokens");
    keeper->loop = loop;
    keeper->db = db;
    keeper->http = http;
    keeper->keys = keys;
    TAILQ_INIT(&keeper->jobs);
    *ret = keeper;
    return ERR_OK;
}

void keeper_free(struct keeper *keeper)
{
    struct keeper_job *job;

    if (!keeper)
        return;
    while ((job = TAILQ_FIRST(&keeper->jobs))) {
        TAILQ_REMOVE(&keeper->jobs, job, link);
        keeper_job_free(job);
    }
    free(keeper);
}
