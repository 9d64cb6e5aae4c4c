/*
 * local_file.c - openat2(2) below one directory. See local_file.h.
 */
#include "worker/compose/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is left of `path` below base_dir; NULL: it leads elsewhere. */
static const char *local_file_below(const char *base_dir, const char *path)
{
    size_t n = strlen(base_dir);

    while (n && base_dir[n - 1] == '/')
        n--;
    if (path[0] == '/') {
        if (strncmp(path, base_dir, n) != 0 || path[n] != '/')
            return NULL;
        path += n;
        path += strspn(path, "/");
    }
    return *path ? path : NULL;
}

static enum err local_file_open(const char *base_dir, const char *below, int *ret,
                                struct error *err)
{
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int dir = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return error_set(err, ERR_IO, "the attachment directory cannot be opened: %s",
                         strerror(errno));
    long fd = syscall(SYS_openat2, dir, below, &how, sizeof(how));
    int why = errno;
    close(dir);
    if (fd >= 0) {
        *ret = (int)fd;
        return ERR_OK;
    }
    switch (why) {
    case EXDEV:
    case ELOOP:
        return error_set(err, ERR_INPUT, "the path leads out of the attachment directory");
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return error_set(err, ERR_NOT_FOUND, "no such file");
    default:
        return error_set(err, ERR_IO, "the file cannot be opened: %s", strerror(why));
    }
}

/* Read to the end; a file that grew meanwhile is cut where it was measured. */
static enum err local_file_fill(int fd, unsigned char *octets, size_t *n, struct error *err)
{
    size_t have = 0;

    while (have < *n) {
        ssize_t got = read(fd, octets + have, *n - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, ERR_IO, "the file cannot be read: %s", strerror(errno));
        if (got == 0)
            break;
        have += (size_t)got;
    }
    *n = have;
    return ERR_OK;
}

enum err local_file_read(const char *base_dir, const char *path, size_t max_octets,
                         unsigned char **ret, size_t *ret_octets, struct error *err)
{
    const char *below = local_file_below(base_dir, path);
    unsigned char *octets = NULL;
    struct stat info;
    int fd = -1;

    if (!below)
        return error_set(err, ERR_INPUT, "the path leads out of the attachment directory");
    enum err rc = local_file_open(base_dir, below, &fd, err);
    if (rc)
        return rc;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
        rc = error_set(err, ERR_INPUT, "is not a regular file");
        goto out;
    }
    size_t n = (size_t)info.st_size;
    if (n > max_octets) {
        rc = error_set(err, ERR_LIMIT, "the file is larger than %zu octets", max_octets);
        goto out;
    }
    octets = malloc(n + 1);
    if (!octets) {
        rc = error_set(err, ERR_NOMEM, "out of memory for a file of %zu octets", n);
        goto out;
    }
    rc = local_file_fill(fd, octets, &n, err);
    if (rc)
        goto out;
    *ret = octets;
    *ret_octets = n;
    octets = NULL;
out:
    free(octets);
    close(fd);
    return rc;
}
