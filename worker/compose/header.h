/*
 * header.h - write one header field: folding (RFC 5322 2.2.3) and encoded-words (RFC 2047).
 *
 * Only words that need it are encoded. Lines are folded before white space that is there anyway, so
 * unfolding gives back the same text; they stay within 76 columns where the words allow it, and
 * within 998 octets always.
 *
 * GMime's own encoder is not used here: it measures encoded-words in characters, so a line of
 * Japanese comes out at twice the 75 octets that RFC 2047 section 2 allows.
 */
#ifndef WORKER_COMPOSE_HEADER_H
#define WORKER_COMPOSE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/buf.h"

struct header_line {
    struct buf *out; /* borrowed */
    size_t column;
    bool fresh; /* nothing was put after the colon yet */
};

/* begin, any number of puts, end. Values hold neither CR nor LF. Failures stick to the buffer. */
void header_begin(struct header_line *line, struct buf *out, const char *name);
void header_end(struct header_line *line);

void header_put_text(struct header_line *line, const char *text); /* unstructured: RFC 5322 2.2.1 */
/* A mailbox list. A non-ASCII local part goes out as raw UTF-8 (RFC 6532): it has no other form. */
void header_put_addresses(struct header_line *line, const struct address_list *list);

#endif
