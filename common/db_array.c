/*
 * db_array.c - arrays in PostgreSQL's binary format (array_recv in
 * src/backend/utils/adt/arrayfuncs.c): dimensions, has-null flag, element type, then per dimension
 * its length and lower bound, then each element as a length (-1: NULL) and its octets; integers in
 * network order.
 */
#include "common/db_array.h"

#include <string.h>

#include "common/db.h"

enum {
    DB_ARRAY_HEAD_OCTETS = 20,
    DB_ARRAY_COUNT_AT = 12,
    DB_ARRAY_DIMENSIONS_AT = 0,
    DB_ARRAY_NULLS_AT = 4
};

static void db_array_put32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i));
}

static void db_array_write_head(struct db_array *a)
{
    char head[DB_ARRAY_HEAD_OCTETS] = {0};

    db_array_put32(head + DB_ARRAY_DIMENSIONS_AT, 1);
    db_array_put32(head + DB_ARRAY_NULLS_AT, 0);
    db_array_put32(head + 8, (uint32_t)a->type);
    db_array_put32(head + DB_ARRAY_COUNT_AT, 0);
    db_array_put32(head + 16, 1); /* the first element's subscript */
    buf_append(&a->octets, head, sizeof(head));
}

struct db_array db_array_of(enum db_type type)
{
    struct db_array a = {.octets = BUF_INIT(DB_ARRAY_CAP_OCTETS), .type = type};

    db_array_write_head(&a);
    return a;
}

static void db_array_add(struct db_array *a, int32_t length, const void *value)
{
    char prefix[4];

    db_array_put32(prefix, (uint32_t)length);
    buf_append(&a->octets, prefix, sizeof(prefix));
    if (length > 0)
        buf_append(&a->octets, value, (size_t)length);
    if (a->octets.failed)
        return;
    a->count++;
    db_array_put32(a->octets.data + DB_ARRAY_COUNT_AT, a->count);
    if (length < 0)
        db_array_put32(a->octets.data + DB_ARRAY_NULLS_AT, 1);
}

void db_array_null(struct db_array *a)
{
    db_array_add(a, -1, NULL);
}

void db_array_octets(struct db_array *a, const void *value, size_t n)
{
    if (n > DB_ARRAY_CAP_OCTETS) {
        a->octets.failed = ERR_LIMIT;
        return;
    }
    db_array_add(a, (int32_t)n, value);
}

void db_array_text(struct db_array *a, const char *value)
{
    if (value)
        db_array_octets(a, value, strlen(value));
    else
        db_array_null(a);
}

void db_array_int(struct db_array *a, int64_t value)
{
    char octets[8];

    db_array_put32(octets, (uint32_t)((uint64_t)value >> 32));
    db_array_put32(octets + 4, (uint32_t)value);
    if (a->type == DB_INT4)
        db_array_add(a, 4, octets + 4);
    else
        db_array_add(a, 8, octets);
}

void db_array_bool(struct db_array *a, bool value)
{
    char octet = value;

    db_array_add(a, 1, &octet);
}

void db_array_concat(struct db_array *a, const struct db_array *more)
{
    if (more->octets.failed) {
        a->octets.failed = more->octets.failed;
        return;
    }
    buf_append(&a->octets, more->octets.data + DB_ARRAY_HEAD_OCTETS,
               more->octets.len - DB_ARRAY_HEAD_OCTETS);
    if (a->octets.failed)
        return;
    a->count += more->count;
    db_array_put32(a->octets.data + DB_ARRAY_COUNT_AT, a->count);
    if (more->octets.data[DB_ARRAY_NULLS_AT + 3])
        db_array_put32(a->octets.data + DB_ARRAY_NULLS_AT, 1);
}

void db_array_reset(struct db_array *a)
{
    buf_truncate(&a->octets, 0);
    a->count = 0;
    db_array_write_head(a);
}

void db_array_clear(struct db_array *a)
{
    buf_clear(&a->octets);
    a->count = 0;
}

enum err db_array_check(const struct db_array *a, struct error *err)
{
    return buf_check(&a->octets, "an array for the database", err);
}
