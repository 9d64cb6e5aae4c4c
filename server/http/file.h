/*
 * file.h - a file that is part of the program, as an answer.
 *
 * The client keeps it and asks each time whether it is still the one (RFC 9110 8.8.3, 13.1.2), so
 * that a new version of the program is seen at once and costs one transfer.
 */
#ifndef SERVER_HTTP_FILE_H
#define SERVER_HTTP_FILE_H

#include <stddef.h>

#include "server/http/reply.h"

struct file {
    const char *name;       /* as the path ends */
    const char *media_type; /* with its charset */
    const char *octets;
    size_t len;
    const char *gzip; /* the same, compressed (RFC 1952); NULL: that makes it no smaller */
    size_t gzip_len;
    const char *etag, *gzip_etag; /* quoted; each form has its own */
};

/* 200 with the file in a form that the client takes, or 304 where it has that form already. */
void file_answer(const struct file *file, struct reply *reply);

#endif
