/*
 * fields.h - read the members of a request's object, and collect what does not fit as a 422 answer.
 *
 * Scalars are read leniently (common/json.h); an absent member and a null read the same. Each error
 * becomes
 * {"type","loc","msg","input"[,"ctx"]}, where `input` shows no secret and nothing long. Every text
 * is checked for what PostgreSQL cannot store: NUL and octets that are not UTF-8.
 *
 *     struct fields f = fields_of("body", body);
 *     const char *id = fields_text(&f, "id", FIELD_REQUIRED | FIELD_NOT_EMPTY, 255);
 *     if (fields_failed(&f))
 *         ... reply_fields(reply, &f);
 *     fields_clear(&f);
 */
#ifndef SERVER_HTTP_FIELDS_H
#define SERVER_HTTP_FIELDS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/db_array.h"

enum { FIELD_REQUIRED = 1, FIELD_NOT_EMPTY = 2 };

struct fields {
    const char *where;   /* borrowed: "body", "query" or "path", the first element of `loc` */
    const cJSON *object; /* borrowed */
    struct buf errors;   /* error objects, comma-separated */
};

/* An `object` that is none is itself an error: missing where it is NULL or null. */
struct fields fields_of(const char *where, const cJSON *object);
void fields_clear(struct fields *f);
bool fields_failed(const struct fields *f);

/* Texts are borrowed from the object; NULL: absent, null or wrong. At most max_octets long. */
const char *fields_text(struct fields *f, const char *name, unsigned flags, size_t max_octets);
/* false: absent, null or wrong; *ret is untouched then. */
bool fields_int(struct fields *f, const char *name, unsigned flags, int64_t min, int64_t max,
                int64_t *ret);
bool fields_bool(struct fields *f, const char *name, bool *ret);
/* NULL: absent, null or wrong. Texts within are checked too. */
const cJSON *fields_object(struct fields *f, const char *name);
const cJSON *fields_array(struct fields *f, const char *name, unsigned flags);

/* An array of at most max_count integers, appended to *ret. false: absent, null or wrong. */
bool fields_ints(struct fields *f, const char *name, uint32_t max_count, int64_t min, int64_t max,
                 struct db_array *ret);
/* As fields_text(), for what becomes part of a line of some protocol: no control characters. */
const char *fields_line(struct fields *f, const char *name, unsigned flags, size_t max_octets);
/* As fields_text(), for a URL or a part of one: no control characters, no spaces. An empty one
 * reads as absent. */
const char *fields_url_part(struct fields *f, const char *name);

/* Add an error about member `name` (NULL: the object itself), whose value is `input` (NULL: null).
 */
void fields_fail(struct fields *f, const char *name, const char *type, const char *msg,
                 const cJSON *input);
/* As fields_fail() for a value the caller's own rule refuses: type value_error, "Value error,
 * <why>". */
void fields_refuse(struct fields *f, const char *name, const char *why);

/* Why some text or key within `item` cannot be stored, as json_check_text() says it; NULL: nothing.
 */
const char *fields_check_texts(const cJSON *item);

#endif
