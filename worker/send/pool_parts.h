/*
 * pool_parts.h - the pool as its own files see it: pool.c, contact.c and withdraw.c.
 */
#ifndef WORKER_SEND_POOL_PARTS_H
#define WORKER_SEND_POOL_PARTS_H

#include "worker/send/lane.h"
#include "worker/send/pool.h"

struct send_pool {
    struct session_room room;
    struct send_calls calls;
    void *tree; /* of lanes, tsearch(3) */
    struct lanes lanes;
    struct lanes hungry;
    struct lane_connections idle;
    uint32_t connections; /* open or opening */
    uint32_t trials;      /* of these, the ones being opened to accounts that are not proven */
    bool paused;          /* no mail is begun */
    struct event_timer retry_timer;
};

static inline struct event_loop *pool_loop(const struct send_pool *pool)
{
    return pool->room.connection.loop;
}

void pool_close(struct lane_connection *c); /* neither parked nor with a mail */
void pool_drop_lane_if_empty(struct send_pool *pool, struct lane *lane);
/* Open connections for those who wait and may have one. */
void pool_feed(struct send_pool *pool);

#endif
