/*
 * cache.c - by size into memory or onto the disk, under a key of tenant and MD5. See cache.h.
 */
#include "worker/compose/cache.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/compose/cache_disk.h"
#include "worker/compose/cache_memory.h"

enum { CACHE_KIBIBYTE = 1024, CACHE_MEBIBYTE = 1024 * 1024, CACHE_MS = 1000 };
enum { CACHE_KEY_OCTETS = 65 }; /* SHA-256, hexadecimal */

struct cache {
    struct cache_memory *memory;
    struct cache_disk *disk; /* NULL: no directory is set */
    size_t threshold_octets; /* from so many on to the disk */
    size_t max_octets;       /* no attachment is larger */
};

enum err cache_new(const struct config *config, struct cache **ret, struct error *err)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    enum err rc = ERR_OK;

    if (!cache)
        return error_set(err, ERR_NOMEM, "out of memory for the attachment cache");
    cache->threshold_octets = (size_t)config->cache_disk_threshold_kb * CACHE_KIBIBYTE;
    cache->max_octets = (size_t)config->max_attachment_bytes;
    cache->memory = cache_memory_new((size_t)config->cache_memory_max_mb * CACHE_MEBIBYTE,
                                     config->cache_memory_ttl_seconds * CACHE_MS);
    if (!cache->memory)
        rc = error_set(err, ERR_NOMEM, "out of memory for the attachment cache");
    if (!rc && config->cache_disk_dir)
        rc = cache_disk_new(config->cache_disk_dir, config->cache_disk_max_mb * CACHE_MEBIBYTE,
                            config->cache_disk_ttl_seconds, &cache->disk, err);
    if (rc) {
        cache_free(cache);
        return rc;
    }
    *ret = cache;
    return ERR_OK;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    cache_memory_free(cache->memory);
    cache_disk_free(cache->disk);
    free(cache);
}

/* Ids may hold anything: the key is a hash of both. */
static void cache_make_key(const char *tenant_id, const char *md5, char ret[CACHE_KEY_OCTETS])
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

    g_checksum_update(sum, (const guchar *)tenant_id, (gssize)strlen(tenant_id) + 1);
    g_checksum_update(sum, (const guchar *)md5, (gssize)strlen(md5));
    g_strlcpy(ret, g_checksum_get_string(sum), CACHE_KEY_OCTETS);
    g_checksum_free(sum);
}

static bool cache_is_intact(const char *md5, const unsigned char *octets, size_t n)
{
    char *found = g_compute_checksum_for_data(G_CHECKSUM_MD5, octets, n);
    bool intact = !strcmp(found, md5);

    g_free(found);
    return intact;
}

bool cache_get(struct cache *cache, const char *tenant_id, const char *md5, unsigned char **ret,
               size_t *ret_octets)
{
    char key[CACHE_KEY_OCTETS];
    unsigned char *octets;
    size_t n;

    cache_make_key(tenant_id, md5, key);
    if (cache_memory_get(cache->memory, key, clock_mono_ms(), ret, ret_octets))
        return true;
    if (!cache->disk || !cache_disk_get(cache->disk, key, cache->max_octets, &octets, &n))
        return false;
    if (!cache_is_intact(md5, octets, n)) { /* a disk that lost something */
        free(octets);
        return false;
    }
    *ret = octets;
    *ret_octets = n;
    return true;
}

void cache_put(struct cache *cache, const char *tenant_id, const unsigned char *octets, size_t n)
{
    char *md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, octets, n);
    char key[CACHE_KEY_OCTETS];

    cache_make_key(tenant_id, md5, key);
    if (n < cache->threshold_octets || !cache->disk)
        cache_memory_put(cache->memory, key, clock_mono_ms(), octets, n);
    else
        cache_disk_put(cache->disk, key, octets, n);
    g_free(md5);
}
