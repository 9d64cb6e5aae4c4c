/*
 * json_scan.h - the strict half of json_parse(): RFC 8259 syntax, and text that cJSON can hold.
 *
 * One pass checks the syntax and copies the text without the white space between tokens, so that
 * cJSON, which is laxer, reads exactly what was checked. What a C string cannot hold is replaced as
 * json.h says.
 */
#ifndef COMMON_JSON_SCAN_H
#define COMMON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json.h"

/* The end of the run from p on that a JSON string holds as it is: neither quote nor backslash nor
 * control character. Octets from 0x80 on are not looked at. */
const char *json_plain_end(const char *p, const char *end);

/*
 * `out` has room for n + 1 octets; *ret_len of them are used, a NUL follows that is not counted.
 * false: not JSON, *ret_syntax says why.
 */
bool json_scan(const char *text, size_t n, char *out, size_t *ret_len,
               struct json_syntax_error *ret_syntax) MUST_CHECK;

#endif
