/*
 * custom.h - the header fields a client adds or replaces: `headers` of a message.
 *
 * null values are skipped, other scalars become text as the Python service wrote them (true is
 * "True"). Bcc, Return-Path, Content-* and MIME-Version are not the client's to set.
 */
#ifndef WORKER_COMPOSE_CUSTOM_H
#define WORKER_COMPOSE_CUSTOM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct custom_field {
    const char *name; /* borrowed from the JSON */
    char *value;      /* owned; valid UTF-8 without CR, LF and NUL */
    bool written;     /* it took the place of a generated field */
};

struct custom_fields {
    struct custom_field *items; /* owned */
    size_t count;
};

void custom_fields_clear(struct custom_fields *fields);

/* ERR_INPUT: "invalid headers: ...". Of two names that differ in case only, the later value stands.
 */
enum err custom_fields_read(const cJSON *content, struct custom_fields *ret,
                            struct error *err) MUST_CHECK;
struct custom_field *custom_fields_find(const struct custom_fields *fields,
                                        const char *name); /* any case */

#endif
