/*
 * withdraw.c - take mails back that nobody has begun to send. See pool.h.
 */
#include "worker/send/pool_parts.h"

static void pool_withdraw_from_lane(struct send_pool *pool, struct lane *lane,
                                    send_choose_fn *chooses, void *arg, struct lane_mails *ret)
{
    struct lane_mail *m = TAILQ_FIRST(&lane->waiting), *next_mail;
    struct lane_connection *c = TAILQ_FIRST(&lane->connections), *next;

    for (; m; m = next_mail) {
        next_mail = TAILQ_NEXT(m, link);
        if (!chooses(arg, m->claim))
            continue;
        lane_remove_mail(&pool->hungry, lane, m);
        lane_mail_void(m);
        TAILQ_INSERT_TAIL(ret, m, link);
    }
    for (; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!c->mail || !chooses(arg, c->mail->claim))
            continue;
        if (session_was_open(c->session)) {
            c->mail->withdrawn = true;
        } else {
            lane_mail_void(c->mail);
            TAILQ_INSERT_TAIL(ret, c->mail, link);
            pool_close(c);
        }
    }
}

void send_pool_withdraw(struct send_pool *pool, send_choose_fn *chooses, void *arg)
{
    struct lane_mails withdrawn = TAILQ_HEAD_INITIALIZER(withdrawn);
    struct lane *lane = TAILQ_FIRST(&pool->lanes), *next;

    for (; lane; lane = next) {
        next = TAILQ_NEXT(lane, link);
        pool_withdraw_from_lane(pool, lane, chooses, arg, &withdrawn);
        pool_drop_lane_if_empty(pool, lane);
    }
    pool_feed(pool);
    lane_finish_mails(&withdrawn);
}
