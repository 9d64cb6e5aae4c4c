/*
 * json.h - what cJSON leaves open: strict syntax with offsets, strings that cannot hide, lenient
 * scalars.
 *
 * json_parse() refuses what RFC 8259 does (cJSON alone is laxer), says where, and keeps what C
 * strings cannot hold recognisable: the escape \u0000 becomes the octets C0 80, a lone surrogate
 * \uD800 the octets ED A0 80. Neither is valid UTF-8, so json_check_text() finds them later, in the
 * one field they are in. Raw octets that are not UTF-8 are let through inside strings for the same
 * reason.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

/* Of one text. cJSON takes some 80 octets for each value, and "[0,0,0,0]" has one in 2 octets. */
enum { JSON_DEPTH_MAX = 100, JSON_VALUES_MAX = 4000000 };

struct json_syntax_error {
    size_t offset;      /* in characters from the start, as Python counts */
    const char *reason; /* static, in the words of Python's json: "Expecting value", ... */
};

/*
 * *ret is owned (cJSON_Delete). ERR_INPUT fills *ret_syntax, also when a limit above is passed;
 * ERR_NOMEM. `text` need not be NUL-terminated; a byte order mark before it is skipped.
 */
enum err json_parse(const char *text, size_t n, cJSON **ret, struct json_syntax_error *ret_syntax,
                    struct error *err) MUST_CHECK;

/*
 * The last member of that name, as Python's dict has it; NULL when absent (or `object` is no
 * object). Case matters.
 */
const cJSON *json_get(const cJSON *object, const char *name);
/* As json_get(), but NULL also for a JSON null. */
const cJSON *json_get_value(const cJSON *object, const char *name);

/*
 * NULL when `text` is valid UTF-8 without NUL; else a static reason: "contains a NUL character" or
 * "is not valid UTF-8".
 */
const char *json_check_text(const char *text);

/* 2525, "2525", 7.0 and true are integers. false: it is none, or beyond 64 bits. */
bool json_to_int(const cJSON *item, int64_t *ret);
/* As json_to_int(), but a whole number beyond 64 bits reads as the nearest within: for what is held
 * against bounds anyway. *ret is undefined on false. */
bool json_to_nearest_int(const cJSON *item, int64_t *ret);
/* true/false, 0/1, and "true false t f yes no y n on off 1 0" in any case. */
bool json_to_bool(const cJSON *item, bool *ret);

/* Append `text` as a JSON string with its quotes; octets that are not UTF-8 become U+FFFD. */
void json_append_string(struct buf *out, const char *text);
/*
 * Append any value, compact; strings as json_append_string(). Whole numbers below 10^21 have no
 * exponent; numbers that JSON has not become null.
 */
void json_append_value(struct buf *out, const cJSON *item);

#endif
