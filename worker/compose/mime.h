/*
 * mime.h - the body of a message: one text part, or multipart/mixed of it and the attachments (RFC
 * 2045-2047, 2231).
 *
 * All lines end in CRLF, everything is 7-bit, and the same input gives the same octets.
 */
#ifndef WORKER_COMPOSE_MIME_H
#define WORKER_COMPOSE_MIME_H

#include <gmime/gmime.h>
#include <stdbool.h>

#include "common/buf.h"
#include "worker/compose/compose.h"

enum { MIME_BOUNDARY_OCTETS = 40 };

struct mime_body {
    struct buf text; /* the text with CRLF line ends, the last one included */
    bool html;
    GMimeContentEncoding encoding;
    const struct compose_attachment *attachments; /* borrowed */
    size_t attachment_count;
    char boundary[MIME_BOUNDARY_OCTETS]; /* "" without attachments */
};

/* `seed` makes the boundary: something nobody can guess and that does not change, such as the
 * Message-ID. */
enum err mime_body_plan(const char *text, bool html, const struct compose_attachment *attachments,
                        size_t attachment_count, const char *seed, struct mime_body *ret,
                        struct error *err) MUST_CHECK;
void mime_body_clear(struct mime_body *body);

/* Failures of these stick to `out`. */
void mime_append_fields(const struct mime_body *body,
                        struct buf *out); /* MIME-Version and Content-* */
void mime_append_content(const struct mime_body *body,
                         struct buf *out); /* what follows the empty line */

#endif
