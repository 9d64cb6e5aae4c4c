/*
 * turnstile.c - a counter with a queue before it. See turnstile.h.
 */
#include "server/turnstile.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/clock.h"

struct turnstile {
    pthread_mutex_t lock;
    pthread_cond_t left;
    uint32_t places, taken;
};

enum err turnstile_new(uint32_t places, struct turnstile **ret, struct error *err)
{
    struct turnstile *turnstile = calloc(1, sizeof(*turnstile));

    if (!turnstile)
        return error_set(err, ERR_NOMEM, "out of memory for a turnstile");
    pthread_mutex_init(&turnstile->lock, NULL);
    pthread_cond_init(&turnstile->left, NULL);
    turnstile->places = places;
    *ret = turnstile;
    return ERR_OK;
}

void turnstile_free(struct turnstile *turnstile)
{
    if (!turnstile)
        return;
    pthread_cond_destroy(&turnstile->left);
    pthread_mutex_destroy(&turnstile->lock);
    free(turnstile);
}

enum err turnstile_enter(struct turnstile *turnstile, int64_t wait_ms, struct error *err)
{
    struct timespec until = clock_deadline(wait_ms);
    bool entered;

    pthread_mutex_lock(&turnstile->lock);
    while (turnstile->taken >= turnstile->places)
        if (pthread_cond_clockwait(&turnstile->left, &turnstile->lock, CLOCK_MONOTONIC, &until) ==
            ETIMEDOUT)
            break;
    entered = turnstile->taken < turnstile->places;
    turnstile->taken += entered;
    pthread_mutex_unlock(&turnstile->lock);
    return entered ? ERR_OK
                   : error_set(err, ERR_LIMIT, "all %u places for looking are taken",
                               turnstile->places);
}

void turnstile_leave(struct turnstile *turnstile)
{
    pthread_mutex_lock(&turnstile->lock);
    turnstile->taken--;
    pthread_cond_signal(&turnstile->left);
    pthread_mutex_unlock(&turnstile->lock);
}
