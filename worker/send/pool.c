/*
 * pool.c - which mail goes over which connection, and which account gets the next one. See pool.h.
 *
 * Mails of an account go in the order they came, over an idle connection or a new one, within what
 * contact.h allows. When the worker's connections run short, one that becomes free goes to the
 * account that holds fewest.
 *
 * A relay that refuses one more connection while others of the account stand has told how many it
 * allows: the mail goes over those. When none is left, all that waits for the account shares the
 * verdict on the last that failed.
 */
#include "worker/send/pool.h"

#include <stdlib.h>

#include "worker/send/contact.h"

enum {
    POOL_MAILS_PER_CONNECTION = 100,
    POOL_LIMIT_MS =
        60 * 1000,        /* for how long a relay's refusal of one more connection is remembered */
    POOL_RETRY_MS = 1000, /* after running out of memory */
};

static void pool_on_retry(void *arg);

/* ---- connections ---- */

static void pool_unpark(struct lane_connection *c)
{
    TAILQ_REMOVE(&c->lane->idle, c, idle_link);
    TAILQ_REMOVE(&c->pool->idle, c, pool_link);
    event_timer_stop(pool_loop(c->pool), &c->idle_timer);
}

void pool_close(struct lane_connection *c)
{
    contact_end(c);
    TAILQ_REMOVE(&c->lane->connections, c, link);
    c->lane->connection_count--;
    c->pool->connections--;
    session_close(c->session);
    free(c);
}

static void pool_close_parked(struct lane_connection *c)
{
    pool_unpark(c);
    pool_close(c);
}

void pool_drop_lane_if_empty(struct send_pool *pool, struct lane *lane)
{
    if (lane->connection_count == 0 && lane->waiting_count == 0)
        lane_free(&pool->tree, &pool->lanes, lane);
}

static void pool_on_idle_timer(void *arg)
{
    struct lane_connection *c = arg;
    struct send_pool *pool = c->pool;
    struct lane *lane = c->lane;

    pool_close_parked(c);
    pool_drop_lane_if_empty(pool, lane);
    pool_feed(pool);
}

static void pool_park(struct lane_connection *c)
{
    TAILQ_INSERT_HEAD(&c->lane->idle, c, idle_link);
    TAILQ_INSERT_TAIL(&c->pool->idle, c, pool_link);
    event_timer_start(pool_loop(c->pool), &c->idle_timer, (int64_t)c->ttl_s * 1000,
                      pool_on_idle_timer, c);
}

static void pool_give(struct lane_connection *c, struct lane_mail *m)
{
    c->mail = m;
    c->used++;
    session_send(c->session, m->mail, m->transcript);
}

/* An idle connection that may carry a mail of this version; those that turn out dead are closed. */
static struct lane_connection *pool_take_idle(struct lane *lane, int64_t version)
{
    struct lane_connection *c = TAILQ_FIRST(&lane->idle);

    while (c) {
        struct lane_connection *next = TAILQ_NEXT(c, idle_link);

        if (c->version == version) {
            pool_unpark(c);
            if (session_is_quiet(c->session))
                return c;
            pool_close(c);
        }
        c = next;
    }
    return NULL;
}

static void pool_on_news(void *arg, enum session_news news);

static enum err pool_open(struct send_pool *pool, struct lane *lane, struct lane_mail *m,
                          struct error *err)
{
    const struct claim_account *account = m->claim->account;
    struct lane_connection *c = calloc(1, sizeof(*c));
    enum err rc;

    if (!c)
        return error_set(err, ERR_NOMEM, "out of memory for a connection");
    c->pool = pool;
    c->lane = lane;
    c->version = account->version;
    c->ttl_s = account->ttl_s;
    rc = session_open(&pool->room, account, m->mail, m->transcript, pool_on_news, c, &c->session,
                      err);
    if (rc) {
        free(c);
        return rc;
    }
    c->mail = m;
    c->used = 1;
    TAILQ_INSERT_TAIL(&lane->connections, c, link);
    lane->connection_count++;
    pool->connections++;
    contact_begin(c);
    return ERR_OK;
}

/* ---- who gets how many ---- */

static uint32_t pool_lane_max(const struct send_pool *pool, const struct lane *lane)
{
    uint32_t allowed = pool->calls.allowed(pool->calls.arg, lane->tenant_id, lane->account_id);

    return lane_connections_max(lane, allowed, event_loop_now_ms(pool_loop(pool)));
}

/* Is there room for one more connection of this lane? Idle ones of others are closed for it. */
static bool pool_make_room(struct send_pool *pool, const struct lane *lane)
{
    uint32_t cap = contact_cap(pool, lane);

    while (pool->connections >= cap) {
        struct lane_connection *oldest = TAILQ_FIRST(&pool->idle);
        struct lane *owner;

        if (!oldest)
            return false;
        owner = oldest->lane;
        pool_close_parked(oldest);
        if (owner != lane)
            pool_drop_lane_if_empty(pool, owner);
    }
    return true;
}

/* May the lane open one more connection, when idle ones of others are closed for it? */
static bool pool_may_open(const struct send_pool *pool, const struct lane *lane)
{
    return lane->connection_count < pool_lane_max(pool, lane) && !contact_must_wait(pool, lane) &&
           (pool->connections < contact_cap(pool, lane) || !TAILQ_EMPTY(&pool->idle));
}

/* Bring one waiting mail of the lane under way. False: it has to wait on. */
static bool pool_serve_one(struct send_pool *pool, struct lane *lane)
{
    struct lane_mail *m = TAILQ_FIRST(&lane->waiting);
    struct lane_connection *c;

    if (pool->paused)
        return false;
    c = pool_take_idle(lane, m->claim->account->version);
    if (c) {
        pool_give(c, lane_pop_mail(&pool->hungry, lane));
        return true;
    }
    while (lane->connection_count >= pool_lane_max(pool, lane)) {
        c = TAILQ_FIRST(&lane->idle); /* of another version */
        if (!c)
            return false;
        pool_close_parked(c);
    }
    if (contact_must_wait(pool, lane) || !pool_make_room(pool, lane))
        return false;
    if (pool_open(pool, lane, m, NULL)) {
        event_timer_start(pool_loop(pool), &pool->retry_timer, POOL_RETRY_MS, pool_on_retry, pool);
        return false;
    }
    lane_pop_mail(&pool->hungry, lane);
    return true;
}

/* The hungry lane that may open a connection and holds fewest; of equals, the one that waits for
 * longest. */
static struct lane *pool_pick_hungry(struct send_pool *pool, const struct lane *but)
{
    struct lane *best = NULL, *lane;

    TAILQ_FOREACH(lane, &pool->hungry, hungry_link)
    {
        if (lane != but && (!best || lane->connection_count < best->connection_count) &&
            pool_may_open(pool, lane))
            best = lane;
    }
    return best;
}

void pool_feed(struct send_pool *pool)
{
    struct lane *lane;

    while ((lane = pool_pick_hungry(pool, NULL)) && pool_serve_one(pool, lane))
        ;
}

static void pool_on_retry(void *arg)
{
    pool_feed(arg);
}

/* ---- what becomes of a connection whose mail has ended ---- */

/* Should this connection be given up for an account that holds fewer? Only once connections are
 * short. */
static bool pool_is_wanted_elsewhere(struct send_pool *pool, const struct lane *lane)
{
    const struct lane *other;

    if (pool->connections < contact_cap(pool, lane))
        return false;
    other = pool_pick_hungry(pool, lane);
    return other && other->connection_count + 1 < lane->connection_count;
}

/* Give the connection its next mail, keep it idle, or close it. */
static void pool_reuse(struct send_pool *pool, struct lane_connection *c)
{
    struct lane *lane = c->lane;
    const struct lane_mail *next = pool->paused ? NULL : TAILQ_FIRST(&lane->waiting);

    if (!session_is_idle(c->session) || c->used >= POOL_MAILS_PER_CONNECTION ||
        c->version < lane->version || lane->connection_count > pool_lane_max(pool, lane) ||
        pool_is_wanted_elsewhere(pool, lane))
        pool_close(c);
    else if (next && next->claim->account->version == c->version)
        pool_give(c, lane_pop_mail(&pool->hungry, lane));
    else if (!next && c->ttl_s > 0)
        pool_park(c);
    else
        pool_close(c);
}

static void pool_on_open_failed(struct send_pool *pool, struct lane_connection *c,
                                struct lane_mail *m)
{
    struct lane *lane = c->lane;
    struct lane_mails failed = TAILQ_HEAD_INITIALIZER(failed);

    pool_close(c);
    if (lane->connection_count > 0) {
        lane->limit = lane->connection_count;
        lane->limit_until_ms = event_loop_now_ms(pool_loop(pool)) + POOL_LIMIT_MS;
        transcript_reset(m->transcript);
        lane_push_mail(&pool->hungry, lane, m, true);
        pool_serve_one(pool, lane);
        pool_feed(pool);
        return;
    }
    contact_failed(pool, lane);
    lane_fail_waiting(&pool->hungry, lane, m->transcript, &failed);
    lane_free(&pool->tree, &pool->lanes, lane);
    pool_feed(pool);
    TAILQ_INSERT_HEAD(&failed, m, link);
    lane_finish_mails(&failed);
}

static void pool_on_news(void *arg, enum session_news news)
{
    struct lane_connection *c = arg;
    struct send_pool *pool = c->pool;
    struct lane *lane = c->lane;
    struct lane_mail *m = c->mail;

    if (news == SESSION_OPENED) {
        contact_opened(c);
        pool_feed(pool);
        return;
    }
    c->mail = NULL;
    if (news == SESSION_LOST) {
        pool_close_parked(c);
    } else if (news == SESSION_STALE) {
        pool_close(c);
        if (m->withdrawn) {
            lane_mail_void(m);
        } else {
            lane_push_mail(&pool->hungry, lane, m, true);
            pool_serve_one(pool, lane);
            m = NULL;
        }
    } else if (!session_was_open(c->session)) {
        pool_on_open_failed(pool, c, m);
        return;
    } else {
        contact_opened(c); /* which nobody may have been told */
        pool_reuse(pool, c);
    }
    pool_drop_lane_if_empty(pool, lane);
    pool_feed(pool);
    if (m)
        lane_finish_mail(m);
}

/* ---- the worker's side ---- */

enum err send_pool_new(struct event_loop *loop, struct transfers *transfers,
                       const struct config *config, const struct secret_ring *keys,
                       struct keeper *keeper, const struct send_calls *calls,
                       struct send_pool **ret, struct error *err)
{
    struct send_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return error_set(err, ERR_NOMEM, "out of memory for the connection pool");
    pool->room.connection.loop = loop;
    pool->room.connection.transfers = transfers;
    pool->room.connection.config = config;
    pool->room.connection.keys = keys;
    pool->room.connection.keeper = keeper;
    connection_set_helo(&pool->room.connection);
    pool->room.may_finish = calls->may_finish;
    pool->room.may_finish_arg = calls->arg;
    pool->calls = *calls;
    TAILQ_INIT(&pool->lanes);
    TAILQ_INIT(&pool->hungry);
    TAILQ_INIT(&pool->idle);
    *ret = pool;
    return ERR_OK;
}

void send_pool_free(struct send_pool *pool)
{
    struct lane *lane;

    if (!pool)
        return;
    event_timer_stop(pool_loop(pool), &pool->retry_timer);
    while ((lane = TAILQ_FIRST(&pool->lanes))) {
        struct lane_connection *c;

        while (lane->waiting_count)
            lane_mail_free(lane_pop_mail(&pool->hungry, lane));
        while ((c = TAILQ_FIRST(&lane->connections))) {
            if (!c->mail)
                pool_unpark(c);
            lane_mail_free(c->mail);
            pool_close(c);
        }
        lane_free(&pool->tree, &pool->lanes, lane);
    }
    free(pool);
}

void send_pool_close_idle(struct send_pool *pool)
{
    struct lane_connection *c;

    while ((c = TAILQ_FIRST(&pool->idle))) {
        struct lane *lane = c->lane;

        pool_close_parked(c);
        pool_drop_lane_if_empty(pool, lane);
    }
}

uint32_t send_pool_connections(struct send_pool *pool, const char *tenant_id,
                               const char *account_id, bool close_idle)
{
    struct lane *lane = lane_look_up(&pool->tree, tenant_id, account_id);
    uint32_t count;

    while (close_idle && lane && !TAILQ_EMPTY(&lane->idle))
        pool_close_parked(TAILQ_FIRST(&lane->idle));
    count = lane ? lane->connection_count : 0;
    if (lane)
        pool_drop_lane_if_empty(pool, lane);
    return count;
}

void send_pool_pause(struct send_pool *pool, bool paused)
{
    struct lane *lane = TAILQ_FIRST(&pool->hungry), *next;

    if (pool->paused == paused)
        return;
    pool->paused = paused;
    for (; lane && !paused; lane = next) {
        next = TAILQ_NEXT(lane, hungry_link);
        while (lane->waiting_count && !TAILQ_EMPTY(&lane->idle) && pool_serve_one(pool, lane))
            ;
    }
    pool_feed(pool);
}

/* The account was changed: idle connections of before are of no use any more, and what waits goes
 * back (appended to *ret), to be claimed as the account is now. */
static void pool_note_version(struct send_pool *pool, struct lane *lane,
                              const struct claim_account *account, struct lane_mails *ret)
{
    struct lane_connection *c = TAILQ_FIRST(&lane->idle);
    int64_t version = account->version;

    if (version <= lane->version)
        return;
    lane->version = version;
    lane->limit = 0;
    contact_set_proven(pool, lane, account->proven);
    while (lane->waiting_count) {
        struct lane_mail *m = lane_pop_mail(&pool->hungry, lane);

        lane_mail_void(m);
        TAILQ_INSERT_TAIL(ret, m, link);
    }
    while (c) {
        struct lane_connection *next = TAILQ_NEXT(c, idle_link);

        if (c->version < version)
            pool_close_parked(c);
        c = next;
    }
}

enum err send_pool_send(struct send_pool *pool, const struct claim *claim, const struct mail *mail,
                        send_done_fn *done, void *arg, struct error *err)
{
    struct lane_mails outdated = TAILQ_HEAD_INITIALIZER(outdated);
    struct lane_mail *m = NULL;
    struct lane *lane;
    enum err rc = lane_mail_new(claim, mail, done, arg, &m, err);

    if (rc)
        return rc;
    lane = lane_find(&pool->tree, &pool->lanes, claim->account);
    if (!lane) {
        lane_mail_free(m);
        return error_set(err, ERR_NOMEM, "out of memory for an account");
    }
    pool_note_version(pool, lane, claim->account, &outdated);
    lane_push_mail(&pool->hungry, lane, m, false);
    pool_serve_one(pool, lane);
    lane_finish_mails(&outdated);
    return ERR_OK;
}
