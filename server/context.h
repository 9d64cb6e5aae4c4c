/*
 * context.h - what all requests share. Made by serve.c, read-only but for what locks itself.
 */
#ifndef SERVER_CONTEXT_H
#define SERVER_CONTEXT_H

#include "common/config.h"
#include "common/db_pool.h"
#include "common/secret.h"

struct gather;
struct metrics;
struct notifier;
struct traffic;
struct turnstile;

struct context {
    const struct config *config;
    struct db_pool *pool;
    const struct secret_ring *keys;
    struct gather *callers; /* for caller_find() */
    struct gather *lookups; /* for lookup_accounts() */
    struct gather *group;   /* for group_store() */
    struct notifier *notifier;
    struct traffic *traffic;
    struct metrics *metrics;
    struct turnstile *looks; /* for request_db_to_look() */
    int64_t started_us;      /* since the epoch */
};

#endif
