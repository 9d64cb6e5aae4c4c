/*
 * cache_memory.h - the least recently used go first: small attachments in memory. See cache.h.
 */
#ifndef WORKER_COMPOSE_CACHE_MEMORY_H
#define WORKER_COMPOSE_CACHE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache_memory;

struct cache_memory *cache_memory_new(size_t max_octets, int64_t ttl_ms); /* NULL: out of memory */
void cache_memory_free(struct cache_memory *cache);

/* *ret is owned. */
bool cache_memory_get(struct cache_memory *cache, const char *key, int64_t now_ms,
                      unsigned char **ret, size_t *ret_octets);
void cache_memory_put(struct cache_memory *cache, const char *key, int64_t now_ms,
                      const unsigned char *octets, size_t n);
size_t cache_memory_held(const struct cache_memory *cache);

#endif
