#include "common/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_OCTETS = 256 };

char *buf_reserve(struct buf *b, size_t n)
{
    size_t want;

    if (b->failed)
        return NULL;
    if (n > b->cap || b->len > b->cap - n || b->cap == SIZE_MAX) {
        b->failed = ERR_LIMIT;
        return NULL;
    }
    want = b->len + n + 1; /* the NUL behind the octets */
    if (want > b->size) {
        size_t size = b->size ? b->size : BUF_FIRST_OCTETS;
        char *data;

        while (size < want)
            size *= 2;
        if (size > b->cap + 1)
            size = b->cap + 1;
        data = realloc(b->data, size);
        if (!data) {
            b->failed = ERR_NOMEM;
            return NULL;
        }
        b->data = data;
        b->size = size;
    }
    return b->data + b->len;
}

void buf_filled(struct buf *b, size_t n)
{
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_append(struct buf *b, const void *octets, size_t n)
{
    char *at = buf_reserve(b, n);

    if (!at)
        return;
    if (n)
        memcpy(at, octets, n);
    buf_filled(b, n);
}

void buf_append_str(struct buf *b, const char *text)
{
    if (text)
        buf_append(b, text, strlen(text));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = ERR_NOMEM;
        return;
    }
    if ((size_t)n < sizeof(small)) {
        buf_append(b, small, (size_t)n);
        return;
    }
    if (!buf_reserve(b, (size_t)n))
        return;
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    buf_filled(b, (size_t)n);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len);
    b->data[b->len] = '\0';
}

void buf_truncate(struct buf *b, size_t len)
{
    b->failed = ERR_OK;
    if (!b->data)
        return;
    b->len = len;
    b->data[len] = '\0';
}

void buf_clear(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.cap = b->cap};
}

void buf_wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->size);
    buf_clear(b);
}

char *buf_take(struct buf *b, size_t *retlen)
{
    char *data = b->failed ? NULL : b->data;

    if (!data)
        return NULL;
    if (retlen)
        *retlen = b->len;
    *b = (struct buf){.cap = b->cap};
    return data;
}

enum err buf_check(const struct buf *b, const char *what, struct error *err)
{
    if (b->failed == ERR_OK)
        return ERR_OK;
    if (b->failed == ERR_LIMIT)
        return error_set(err, ERR_LIMIT, "%s is over its limit of %zu octets", what, b->cap);
    return error_set(err, ERR_NOMEM, "out of memory for %s", what);
}
