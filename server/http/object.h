/*
 * object.h - write JSON objects, keys in the order of the calls, what is null left out.
 *
 *     struct object o = object_open(out);
 *     object_text(&o, "id", id);
 *     object_close(&o);
 */
#ifndef SERVER_HTTP_OBJECT_H
#define SERVER_HTTP_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct object {
    struct buf *out; /* borrowed */
    bool any;        /* a member was written: the next one needs a comma */
};

struct object object_open(struct buf *out);
void object_close(struct object *o);
void object_key(struct object *o, const char *key); /* the value follows by other means */
void object_text(struct object *o, const char *key, const char *value); /* NULL: left out */
void object_raw(struct object *o, const char *key, const char *json);   /* NULL: left out */
void object_int(struct object *o, const char *key, int64_t value);
void object_bool(struct object *o, const char *key, bool value);
/* Microseconds since the epoch as 2026-11-22T06:05:25Z. */
void object_time(struct object *o, const char *key, int64_t epoch_us);

#endif
