/*
 * buf.h - a growing run of octets with a cap.
 *
 * Appends are sticky: the first one that fails (out of memory, or over the cap) marks the buffer
 * failed and later ones do nothing, so a writer appends freely and asks buf_check() once at the
 * end. The octets are always followed by a NUL that is not counted, so `data` of a non-empty buffer
 * can be read as a string.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>

#include "common/error.h"

struct buf {
    char *data;      /* owned; NULL while nothing was ever appended */
    size_t len;      /* octets in use */
    size_t size;     /* octets allocated */
    size_t cap;      /* octets `len` may reach; 0 means nothing may be appended */
    enum err failed; /* why an append was dropped: ERR_LIMIT (over the cap) or ERR_NOMEM; ERR_OK:
                        none was */
};

#define BUF_INIT(cap_octets)                                                                       \
    {                                                                                              \
        .cap = (cap_octets)                                                                        \
    }

void buf_append(struct buf *b, const void *octets, size_t n);
void buf_append_str(struct buf *b, const char *text); /* NULL appends nothing */
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Make room for `n` more octets and return where they go, or NULL (the buffer is failed then).
 * Follow with buf_filled(). */
char *buf_reserve(struct buf *b, size_t n) MUST_CHECK;
void buf_filled(struct buf *b, size_t n);

void buf_consume(struct buf *b, size_t n); /* drop the first `n` octets */
void buf_truncate(struct buf *b,
                  size_t len); /* drop all behind the first `len`; keeps the memory */
void buf_clear(struct buf *b); /* free the memory, keep the cap, forget a failure */
void buf_wipe(struct buf *b);  /* as buf_clear(), after overwriting what held secrets */
char *
buf_take(struct buf *b,
         size_t *retlen); /* owned by the caller; NULL when empty or failed. retlen may be NULL */

/* ERR_OK, ERR_LIMIT (the cap, naming `what`) or ERR_NOMEM. */
enum err buf_check(const struct buf *b, const char *what, struct error *err) MUST_CHECK;

#endif
