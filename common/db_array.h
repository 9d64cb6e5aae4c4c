/*
 * db_array.h - build a one-dimensional PostgreSQL array in binary form, for unnest().
 *
 *     struct db_array ids = db_array_of(DB_TEXT);
 *     db_array_text(&ids, "a");
 *     db_param_array(&params, &ids);       // $1::text[]
 *     db_array_clear(&ids);
 *
 * Appends are sticky as in buf.h; db_array_check() tells once at the end.
 */
#ifndef COMMON_DB_ARRAY_H
#define COMMON_DB_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

/* Type OIDs of pg_type.dat; fixed for ever. */
enum db_type {
    DB_BOOL = 16,
    DB_BYTEA = 17,
    DB_INT8 = 20,
    DB_INT4 = 23,
    DB_TEXT = 25,
    DB_JSON = 114
};

struct db_array {
    struct buf octets;
    enum db_type type;
    uint32_t count;
};

struct db_array db_array_of(enum db_type type);
void db_array_text(struct db_array *a, const char *value); /* DB_TEXT, DB_JSON; NULL: SQL NULL */
void db_array_octets(struct db_array *a, const void *value,
                     size_t n);                       /* DB_TEXT, DB_JSON, DB_BYTEA */
void db_array_int(struct db_array *a, int64_t value); /* DB_INT8, DB_INT4 */
void db_array_bool(struct db_array *a, bool value);
void db_array_null(struct db_array *a);
void db_array_concat(struct db_array *a, const struct db_array *more); /* of the same type */
void db_array_reset(struct db_array *a); /* empty it, keep the memory */
void db_array_clear(struct db_array *a);
enum err db_array_check(const struct db_array *a, struct error *err) MUST_CHECK;

#endif
