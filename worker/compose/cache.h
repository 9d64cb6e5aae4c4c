/*
 * cache.h - octets of attachments that clients name by their MD5 (content_md5), so that a
 * newsletter's attachment is fetched once and not for every message.
 *
 * Small ones are kept in this worker's memory, large ones in files below GMP_CACHE_DISK_DIR, which
 * the workers of a host share; both are bounded, and old ones go first. An entry belongs to one
 * tenant: knowing the MD5 of another tenant's file gives nothing. What is stored goes under the MD5
 * it really has: a wrong content_md5 never hits. MD5 tells files apart here, it protects nothing.
 */
#ifndef WORKER_COMPOSE_CACHE_H
#define WORKER_COMPOSE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

enum { CACHE_MD5_OCTETS = 33 }; /* lower-case hexadecimal, NUL included */

struct cache;

/* ERR_CONFIG: GMP_CACHE_DISK_DIR cannot be used. */
enum err cache_new(const struct config *config, struct cache **ret, struct error *err) MUST_CHECK;
void cache_free(struct cache *cache);

/* *ret is owned, and untouched on false: it is not there, too old, or damaged. */
bool cache_get(struct cache *cache, const char *tenant_id, const char *md5, unsigned char **ret,
               size_t *ret_octets);
/* Keep a copy; one that finds no room or fails is just not kept. */
void cache_put(struct cache *cache, const char *tenant_id, const unsigned char *octets, size_t n);

#endif
