/*
 * cache_disk.c - files by key, trimmed by age and size. See cache_disk.h.
 */
#include "worker/compose/cache_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    CACHE_PATH_OCTETS = 256,
    CACHE_SLICES = 256,    /* first two digits of a key */
    CACHE_TRIM_SHARE = 20, /* trim when a twentieth of the bound was written */
};

struct cache_disk {
    int dir; /* open for as long as this lives: nobody can move it away under us */
    int64_t max_octets, ttl_s;
    int64_t written_octets; /* since the last trim */
};

/* One file, as a trim finds it. */
struct cache_file {
    char path[CACHE_PATH_OCTETS];
    int64_t octets, changed_s;
};

struct cache_files {
    struct cache_file *list; /* owned */
    size_t count, room;
    int64_t octets;
};

enum err cache_disk_new(const char *directory, int64_t max_octets, int64_t ttl_s,
                        struct cache_disk **ret, struct error *err)
{
    struct cache_disk *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return error_set(err, ERR_NOMEM, "out of memory for the attachment cache");
    cache->max_octets = max_octets;
    cache->ttl_s = ttl_s;
    if (mkdir(directory, 0700) && errno != EEXIST)
        cache->dir = -1;
    else
        cache->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache->dir < 0 || faccessat(cache->dir, ".", W_OK | X_OK, AT_EACCESS)) {
        enum err rc = error_set(err, ERR_CONFIG, "GMP_CACHE_DISK_DIR=%s: cannot be used: %s",
                                directory, strerror(errno));
        cache_disk_free(cache);
        return rc;
    }
    cache_disk_trim(cache);
    *ret = cache;
    return ERR_OK;
}

void cache_disk_free(struct cache_disk *cache)
{
    if (!cache)
        return;
    if (cache->dir >= 0)
        close(cache->dir);
    free(cache);
}

static void cache_disk_path(const char *key, const char *suffix, char ret[CACHE_PATH_OCTETS])
{
    snprintf(ret, CACHE_PATH_OCTETS, "%.2s/%s%s", key, key, suffix);
}

static bool cache_disk_is_old(const struct cache_disk *cache, int64_t changed_s)
{
    return time(NULL) - changed_s > cache->ttl_s;
}

static bool cache_disk_read(int fd, unsigned char *octets, size_t n)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = read(fd, octets + have, n - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

bool cache_disk_get(struct cache_disk *cache, const char *key, size_t max_octets,
                    unsigned char **ret, size_t *ret_octets)
{
    char path[CACHE_PATH_OCTETS];
    unsigned char *octets = NULL;
    struct stat info;
    bool found = false;
    int fd;

    cache_disk_path(key, "", path);
    fd = openat(cache->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (!fstat(fd, &info) && S_ISREG(info.st_mode) && info.st_size > 0 &&
        (size_t)info.st_size <= max_octets && !cache_disk_is_old(cache, info.st_mtime))
        octets = malloc((size_t)info.st_size + 1);
    found = octets && cache_disk_read(fd, octets, (size_t)info.st_size);
    close(fd);
    if (!found) {
        free(octets);
        return false;
    }
    *ret = octets;
    *ret_octets = (size_t)info.st_size;
    return true;
}

static bool cache_disk_write(int fd, const unsigned char *octets, size_t n)
{
    while (n) {
        ssize_t put = write(fd, octets, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        octets += put;
        n -= (size_t)put;
    }
    return true;
}

void cache_disk_put(struct cache_disk *cache, const char *key, const unsigned char *octets,
                    size_t n)
{
    char path[CACHE_PATH_OCTETS], aside[CACHE_PATH_OCTETS], slice[3] = {key[0], key[1], '\0'};
    char suffix[32];
    bool whole;
    int fd;

    if ((int64_t)n > cache->max_octets)
        return;
    snprintf(suffix, sizeof(suffix), ".%ld", (long)getpid());
    cache_disk_path(key, "", path);
    cache_disk_path(key, suffix, aside);
    if (mkdirat(cache->dir, slice, 0700) && errno != EEXIST)
        return;
    fd = openat(cache->dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    whole = cache_disk_write(fd, octets, n); /* a full disk: not kept */
    if (close(fd) || !whole || renameat(cache->dir, aside, cache->dir, path))
        unlinkat(cache->dir, aside, 0);
    cache->written_octets += (int64_t)n;
    if (cache->written_octets > cache->max_octets / CACHE_TRIM_SHARE)
        cache_disk_trim(cache);
}

/* ---- trimming ---- */

static void cache_files_add(struct cache_files *files, const char *slice, const char *name,
                            const struct stat *info)
{
    if (files->count == files->room) {
        size_t room = files->room ? 2 * files->room : 256;
        struct cache_file *list = reallocarray(files->list, room, sizeof(*list));

        if (!list)
            return; /* it is found again by the next trim */
        files->list = list;
        files->room = room;
    }
    struct cache_file *file = &files->list[files->count++];
    snprintf(file->path, sizeof(file->path), "%s/%.200s", slice, name);
    file->octets = info->st_size;
    file->changed_s = info->st_mtime;
    files->octets += info->st_size;
}

static void cache_disk_list_slice(struct cache_disk *cache, const char *slice,
                                  struct cache_files *files)
{
    int fd = openat(cache->dir, slice, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct stat info;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(dir)))
        if (!fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) && S_ISREG(info.st_mode))
            cache_files_add(files, slice, entry->d_name, &info);
    closedir(dir);
}

static int cache_file_compare(const void *a, const void *b)
{
    int64_t one = ((const struct cache_file *)a)->changed_s,
            other = ((const struct cache_file *)b)->changed_s;

    return one < other ? -1 : one > other;
}

void cache_disk_trim(struct cache_disk *cache)
{
    struct cache_files files = {0};

    cache->written_octets = 0;
    for (int i = 0; i < CACHE_SLICES; i++) {
        char slice[3];

        snprintf(slice, sizeof(slice), "%02x", (unsigned)i & 0xffU);
        cache_disk_list_slice(cache, slice, &files);
    }
    if (files.count)
        qsort(files.list, files.count, sizeof(*files.list), cache_file_compare);
    for (size_t i = 0; i < files.count; i++) {
        const struct cache_file *file = &files.list[i];

        if (files.octets <= cache->max_octets && !cache_disk_is_old(cache, file->changed_s))
            break;
        unlinkat(cache->dir, file->path, 0); /* another worker may have been faster */
        files.octets -= file->octets;
    }
    free(files.list);
}
