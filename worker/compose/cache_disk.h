/*
 * cache_disk.h - large attachments in files that the workers of a host share. See cache.h.
 *
 * <directory>/<2 hexadecimal digits>/<key>: written aside and renamed, so that a reader sees all of
 * a file or nothing. A file's time of change is its age. Reading and writing happen at once, in the
 * loop: a file of 25 MiB takes some ten milliseconds.
 */
#ifndef WORKER_COMPOSE_CACHE_DISK_H
#define WORKER_COMPOSE_CACHE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct cache_disk;

/* ERR_CONFIG: the directory is none, or cannot be written to. It is made when it is missing. */
enum err cache_disk_new(const char *directory, int64_t max_octets, int64_t ttl_s,
                        struct cache_disk **ret, struct error *err) MUST_CHECK;
void cache_disk_free(struct cache_disk *cache);

/* `key`: at least 3 hexadecimal digits. *ret is owned. At most max_octets are read. */
bool cache_disk_get(struct cache_disk *cache, const char *key, size_t max_octets,
                    unsigned char **ret, size_t *ret_octets);
void cache_disk_put(struct cache_disk *cache, const char *key, const unsigned char *octets,
                    size_t n);
/* Remove what is too old, then the oldest until the rest is within bounds. Runs by itself, now and
 * then. */
void cache_disk_trim(struct cache_disk *cache);

#endif
