/*
 * stored.h - attachments' octets as the database has them, by their place in the message.
 */
#ifndef WORKER_COMPOSE_STORED_H
#define WORKER_COMPOSE_STORED_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct stored {
    int64_t ordinal;       /* position in the message's attachments, from 0 */
    unsigned char *octets; /* owned; NULL: taken */
    size_t len;
};

struct stored_list {
    struct stored *items; /* owned */
    size_t count;
};

void stored_list_clear(struct stored_list *list); /* a zeroed one is fine */
/* Read the rows of load_attachments. */
enum err stored_list_read(const PGresult *res, struct stored_list *ret,
                          struct error *err) MUST_CHECK;
/* Borrowed; NULL: none is stored there. */
struct stored *stored_list_find(const struct stored_list *list, int64_t ordinal);

#endif
