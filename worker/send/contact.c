/*
 * contact.c - trials, and relays that turn out to be late. See contact.h.
 */
#include "worker/send/contact.h"

#include "worker/claim/take.h"

enum {
    CONTACT_LATE_MS = 5000,
    CONTACT_RESERVE_SHARE = 128, /* one in so many connections, and one more, is kept twice: for
                                    accounts that hold none, and for those that are proven */
    CONTACT_RESERVE_FROM = 8,    /* with fewer connections there is nothing to keep */
};

static uint32_t contact_connections(const struct send_pool *pool)
{
    return (uint32_t)pool->room.connection.config->worker_connections;
}

uint32_t contact_cap(const struct send_pool *pool, const struct lane *lane)
{
    uint32_t cap = contact_connections(pool);
    uint32_t reserve = cap < CONTACT_RESERVE_FROM ? 0 : 1 + cap / CONTACT_RESERVE_SHARE;

    if (lane->connection_count > 0)
        return cap - 2 * reserve;
    return lane->proven ? cap : cap - reserve;
}

static uint32_t contact_trials_max(const struct send_pool *pool)
{
    uint32_t half = contact_connections(pool) / 2;

    return half ? half : 1;
}

bool contact_must_wait(const struct send_pool *pool, const struct lane *lane)
{
    return !lane->proven && pool->trials >= contact_trials_max(pool);
}

void contact_set_proven(struct send_pool *pool, struct lane *lane, bool proven)
{
    if (lane->proven == proven)
        return;
    lane->proven = proven;
    if (proven)
        pool->trials -= lane->opening_count;
    else
        pool->trials += lane->opening_count;
}

static void contact_tell(struct send_pool *pool, const struct lane *lane)
{
    pool->calls.proved(pool->calls.arg, lane->tenant_id, lane->account_id, lane->proven);
}

/* Keep the first connection, if trials leave room for it, and no more mails than a claim gives; the
 * others are appended to *ret, untried. */
static void contact_give_up_most(struct send_pool *pool, struct lane *lane, struct lane_mails *ret)
{
    struct lane_connection *c = TAILQ_FIRST(&lane->connections), *next;
    uint32_t trials = pool->trials - lane->opening_count;
    uint32_t kept = trials < contact_trials_max(pool) ? 1 : 0;
    uint32_t most = kept ? TAKE_FEW - 1 : 0;

    if (kept)
        c = TAILQ_NEXT(c, link);
    for (; c; c = next) {
        next = TAILQ_NEXT(c, link);
        transcript_reset(c->mail->transcript);
        lane_push_mail(&pool->hungry, lane, c->mail, true);
        pool_close(c);
    }
    while (lane->waiting_count > most) {
        struct lane_mail *m = TAILQ_LAST(&lane->waiting, lane_mails);

        lane_remove_mail(&pool->hungry, lane, m);
        lane_mail_void(m);
        TAILQ_INSERT_TAIL(ret, m, link);
    }
}

static void contact_on_late_timer(void *arg)
{
    struct lane *lane = arg;
    struct send_pool *pool = TAILQ_FIRST(&lane->connections)->pool;
    struct lane_mails untried = TAILQ_HEAD_INITIALIZER(untried);

    if (lane->connection_count > lane->opening_count || !lane->proven) {
        event_timer_start(pool_loop(pool), &lane->late_timer, CONTACT_LATE_MS,
                          contact_on_late_timer, lane);
        return;
    }
    contact_set_proven(pool, lane, false);
    contact_tell(pool, lane);
    contact_give_up_most(pool, lane, &untried);
    pool_drop_lane_if_empty(pool, lane);
    pool_feed(pool);
    lane_finish_mails(&untried);
}

void contact_begin(struct lane_connection *c)
{
    struct lane *lane = c->lane;

    c->opening = true;
    lane->opening_count++;
    if (!lane->proven)
        c->pool->trials++;
    if (lane->opening_count == 1)
        event_timer_start(pool_loop(c->pool), &lane->late_timer, CONTACT_LATE_MS,
                          contact_on_late_timer, lane);
}

void contact_end(struct lane_connection *c)
{
    struct lane *lane = c->lane;

    if (!c->opening)
        return;
    c->opening = false;
    if (!lane->proven)
        c->pool->trials--;
    if (--lane->opening_count == 0)
        event_timer_stop(pool_loop(c->pool), &lane->late_timer);
}

void contact_opened(struct lane_connection *c)
{
    struct lane *lane = c->lane;

    contact_end(c);
    if (lane->proven || c->version < lane->version)
        return;
    contact_set_proven(c->pool, lane, true);
    contact_tell(c->pool, lane);
}

void contact_failed(struct send_pool *pool, struct lane *lane)
{
    if (!lane->proven)
        return;
    contact_set_proven(pool, lane, false);
    contact_tell(pool, lane);
}
