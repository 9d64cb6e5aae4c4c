/*
 * fields.h - collect what does not fit in a request's object, and make it a 422 answer.
 *
 * Each error becomes {"type","loc","msg","input"[,"ctx"]}, where `input` shows no secret and
 * nothing long. What is looked for stands in shape.h; a handler adds what only it can know:
 *
 *     struct fields f = fields_of("query", req->query);
 *     fields_refuse(&f, "tenant_id", "...");
 *     reply_fields(reply, &f);
 *     fields_clear(&f);
 */
#ifndef SERVER_HTTP_FIELDS_H
#define SERVER_HTTP_FIELDS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct fields {
    const char *where;   /* borrowed: "body", "query" or "path", the first element of `loc` */
    const cJSON *object; /* borrowed */
    uint32_t item;       /* errors are about this item of the member, from 1; 0: about the member */
    const char *list;   /* borrowed; the list that `object` is item `list_item` of; NULL: of none */
    uint32_t list_item; /* from 0 */
    struct buf errors;  /* error objects, comma-separated */
};

/* An `object` that is none is itself an error: missing where it is NULL or null. */
struct fields fields_of(const char *where, const cJSON *object);
/* Go on with another object; the errors so far stay. */
void fields_look_at(struct fields *f, const char *where, const cJSON *object);
void fields_clear(struct fields *f);
bool fields_failed(const struct fields *f);

/*
 * Add an error about member `name` (NULL: the object itself), whose value is `input` (NULL: null);
 * `ctx` is JSON or NULL.
 */
void fields_fail(struct fields *f, const char *name, const char *type, const char *msg,
                 const cJSON *input, const char *ctx);
/* As fields_fail() for a value the caller's own rule refuses: type value_error, "Value error,
 * <why>". */
void fields_refuse(struct fields *f, const char *name, const char *why);

/* Why some text or key within `item` cannot be stored, as json_check_text() says it; NULL: nothing.
 */
const char *fields_check_texts(const cJSON *item);

#endif
