/*
 * cache_memory.c - a hash table for finding, a queue for forgetting. See cache_memory.h.
 */
#include "worker/compose/cache_memory.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct cache_entry {
    TAILQ_ENTRY(cache_entry) by_use; /* the least recently used first */
    char *key;                       /* owned */
    int64_t stored_ms;
    size_t len;
    unsigned char octets[];
};

TAILQ_HEAD(cache_queue, cache_entry);

struct cache_memory {
    GHashTable *entries; /* key -> entry; owns neither */
    struct cache_queue by_use;
    size_t held_octets, max_octets;
    int64_t ttl_ms;
};

struct cache_memory *cache_memory_new(size_t max_octets, int64_t ttl_ms)
{
    struct cache_memory *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return NULL;
    cache->entries = g_hash_table_new(g_str_hash, g_str_equal);
    TAILQ_INIT(&cache->by_use);
    cache->max_octets = max_octets;
    cache->ttl_ms = ttl_ms;
    return cache;
}

static void cache_memory_forget(struct cache_memory *cache, struct cache_entry *entry)
{
    g_hash_table_remove(cache->entries, entry->key);
    TAILQ_REMOVE(&cache->by_use, entry, by_use);
    cache->held_octets -= entry->len;
    free(entry->key);
    free(entry);
}

void cache_memory_free(struct cache_memory *cache)
{
    if (!cache)
        return;
    while (!TAILQ_EMPTY(&cache->by_use))
        cache_memory_forget(cache, TAILQ_FIRST(&cache->by_use));
    g_hash_table_destroy(cache->entries);
    free(cache);
}

bool cache_memory_get(struct cache_memory *cache, const char *key, int64_t now_ms,
                      unsigned char **ret, size_t *ret_octets)
{
    struct cache_entry *entry = g_hash_table_lookup(cache->entries, key);
    unsigned char *copy;

    if (entry && now_ms - entry->stored_ms > cache->ttl_ms) {
        cache_memory_forget(cache, entry);
        entry = NULL;
    }
    copy = entry ? malloc(entry->len + 1) : NULL;
    if (!copy)
        return false;
    TAILQ_REMOVE(&cache->by_use, entry, by_use);
    TAILQ_INSERT_TAIL(&cache->by_use, entry, by_use);
    memcpy(copy, entry->octets, entry->len);
    *ret = copy;
    *ret_octets = entry->len;
    return true;
}

void cache_memory_put(struct cache_memory *cache, const char *key, int64_t now_ms,
                      const unsigned char *octets, size_t n)
{
    struct cache_entry *entry = g_hash_table_lookup(cache->entries, key);

    if (entry)
        cache_memory_forget(cache, entry);
    if (n > cache->max_octets)
        return;
    while (cache->held_octets + n > cache->max_octets)
        cache_memory_forget(cache, TAILQ_FIRST(&cache->by_use));
    entry = malloc(sizeof(*entry) + n);
    if (!entry)
        return;
    entry->key = strdup(key);
    if (!entry->key) {
        free(entry);
        return;
    }
    entry->stored_ms = now_ms;
    entry->len = n;
    memcpy(entry->octets, octets, n);
    g_hash_table_insert(cache->entries, entry->key, entry);
    TAILQ_INSERT_TAIL(&cache->by_use, entry, by_use);
    cache->held_octets += n;
}

size_t cache_memory_held(const struct cache_memory *cache)
{
    return cache->held_octets;
}
