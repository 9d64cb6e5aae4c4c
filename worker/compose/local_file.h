/*
 * local_file.h - read a file below one directory and nowhere else.
 *
 * The kernel keeps the walk inside (openat2(2), RESOLVE_BENEATH): neither "..", nor a symbolic
 * link, nor one that is put there in the meantime leads out.
 */
#ifndef WORKER_COMPOSE_LOCAL_FILE_H
#define WORKER_COMPOSE_LOCAL_FILE_H

#include <stddef.h>

#include "common/error.h"

/*
 * `path`: relative to base_dir, or absolute and inside it. Regular files only.
 * ERR_INPUT: outside, or no regular file; ERR_NOT_FOUND; ERR_LIMIT: over max_octets; ERR_IO;
 * ERR_NOMEM. *ret is owned by the caller.
 */
enum err local_file_read(const char *base_dir, const char *path, size_t max_octets,
                         unsigned char **ret, size_t *ret_octets, struct error *err) MUST_CHECK;

#endif
