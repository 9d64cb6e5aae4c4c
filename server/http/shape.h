/*
 * shape.h - what the JSON of this API looks like, as tables: one description that checks requests
 * and is published (server/http/openapi.h).
 *
 * A route (router.h) names the shapes of its parameters, its body and its answers. When the caller
 * is known, and before the handler runs, shape_check() holds the request against them; what does
 * not fit is a 422 with every error in it. A handler then reads with the value_*() functions below
 * and has nothing left to check but what concerns several fields, or the database.
 */
#ifndef SERVER_HTTP_SHAPE_H
#define SERVER_HTTP_SHAPE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/db_array.h"
#include "server/http/fields.h"

enum field_type {
    FIELD_TEXT,     /* no NUL, UTF-8, at most `max` octets */
    FIELD_LINE,     /* as FIELD_TEXT, without control characters */
    FIELD_URL_PART, /* as FIELD_LINE, without spaces */
    FIELD_INT,      /* from `min` to `max`, read leniently: 2525, "2525", 7.0, true. Where these are
                       those of int64_t, one beyond reads as the nearest */
    FIELD_BOOL,     /* read leniently: true, 0, "yes", "off", ... */
    FIELD_OBJECT,   /* of `shape`; NULL: any members. Its texts are checked, its members are not */
    FIELD_LIST,     /* of `shape`, described only: the handler judges each item by itself */
    FIELD_TEXTS,    /* an array of texts */
    FIELD_INTS,     /* an array of at most `count` integers from `min` to `max` */
    FIELD_NUMBER,   /* in answers alone: with a fraction */
    FIELD_ANY,      /* any JSON */
};

enum { FIELD_REQUIRED = 1, FIELD_NOT_EMPTY = 2 };
/* Why a value of the right type does not fit; NULL: it does. An empty text is given too. */
typedef const char *shape_check_fn(const cJSON *value);

/* A member of an object, or a parameter of the query or the path. */
struct field {
    const char *name;
    enum field_type type;
    unsigned flags;   /* FIELD_REQUIRED (in an answer: always there), FIELD_NOT_EMPTY */
    int64_t min, max; /* FIELD_INT, FIELD_INTS: the range; texts: at most max octets, 0: 1024 */
    uint32_t count;   /* FIELD_INTS: at most so many */
    const char *const *labels; /* the texts it may be, NULL at the end; NULL: any */
    const struct shape *shape; /* of FIELD_OBJECT and FIELD_LIST */
    shape_check_fn *check;     /* NULL: nothing more than the type */
    const char *doc;           /* a sentence or two: what it means, its unit, its default */
};

/* An object. */
struct shape {
    const char *name; /* in the description's components, as "Account" */
    const char *doc;
    bool open;                  /* in an answer: may hold members besides these */
    const struct field *fields; /* ends with one without a name */
};

/* One of a route's answers, besides those that each route may give (401, 404, 413, 422, ...). */
struct answer {
    int status;
    const char *doc;
    const struct shape *shape; /* NULL: {"detail": text} from 400 up; {"ok":true} below */
    const char *media_type;    /* NULL: application/json */
};

/*
 * Hold an object against a shape and collect what does not fit in f->errors. Members that the shape
 * does not name are passed over.
 */
void shape_check(struct fields *f, const struct field *fields);

/* Reading what was checked: `object` may be NULL. Absent and null are the same. */
const char *value_text(const cJSON *object, const char *name); /* borrowed; NULL: absent */
const char *value_given(const cJSON *object,
                        const char *name); /* as value_text(); NULL also when empty */
int64_t value_int(const cJSON *object, const char *name, int64_t otherwise);
bool value_bool(const cJSON *object, const char *name, bool otherwise);
bool value_has(const cJSON *object, const char *name);
bool value_ints(const cJSON *object, const char *name, struct db_array *ret); /* false: absent */

#endif
