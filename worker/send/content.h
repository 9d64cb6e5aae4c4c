/*
 * content.h - the octets of a message as DATA wants them: dot-stuffed and ended by a dot (RFC
 * 5321 4.5.2), chunk by chunk, so that a large message is not copied whole.
 */
#ifndef WORKER_SEND_CONTENT_H
#define WORKER_SEND_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct content {
    const char *octets; /* borrowed */
    size_t len;
    size_t at;  /* octets taken so far */
    bool ended; /* the final dot was given out: nothing is left */
};

void content_begin(struct content *c, const char *octets, size_t len);
/* Append about `room` more octets to `out`; the last of them end in the final dot. At most 6 more
 * than `room`. */
void content_write(struct content *c, struct buf *out, size_t room);

#endif
