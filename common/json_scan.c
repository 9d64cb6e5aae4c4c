#include "common/json_scan.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_SCAN_NUMBER_OCTETS_MAX = 63 }; /* cJSON reads no longer number */

struct json_scan {
    const char *text;
    const char *at;
    const char *end;
    char *out; /* where the next octet goes */
    size_t values;
    unsigned depth;
    const char *reason; /* set by the failure, with the place it is at */
    const char *reason_at;
};

static bool json_scan_value(struct json_scan *s);

static bool json_scan_fail(struct json_scan *s, const char *reason, const char *at)
{
    s->reason = reason;
    s->reason_at = at;
    return false;
}

static void json_scan_copy_to(struct json_scan *s, const char *to)
{
    size_t n = (size_t)(to - s->at);

    memcpy(s->out, s->at, n);
    s->out += n;
    s->at = to;
}

/* The next octet, or NUL at the end; a NUL in the text is no token either. */
static char json_scan_peek(const struct json_scan *s)
{
    return (char)(s->at < s->end ? *s->at : '\0');
}

static void json_scan_space(struct json_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool json_scan_literal(struct json_scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return json_scan_fail(s, "Expecting value", s->at);
    json_scan_copy_to(s, s->at + n);
    return true;
}

static bool json_scan_is_digit(const struct json_scan *s, const char *p)
{
    return p < s->end && *p >= '0' && *p <= '9';
}

static const char *json_scan_digits(const struct json_scan *s, const char *p)
{
    while (json_scan_is_digit(s, p))
        p++;
    return p;
}

/*
 * Rewrite the number that ends the output in the 17 digits that a double can tell apart. The
 * programs keep the C locale for numbers, so the point is a point.
 */
static void json_scan_shorten_number(struct json_scan *s, char *number)
{
    double value;

    *s->out = '\0';
    value = strtod(number, NULL);
    if (isfinite(value))
        s->out = number + snprintf(number, JSON_SCAN_NUMBER_OCTETS_MAX, "%.17g", value);
    else
        s->out =
            number + snprintf(number, JSON_SCAN_NUMBER_OCTETS_MAX, "%s1e999", value < 0 ? "-" : "");
}

/* Takes what is a number and leaves the rest ("01" is 0, then 1) to whoever expects a delimiter
 * there. */
static bool json_scan_number(struct json_scan *s)
{
    const char *p = s->at + (*s->at == '-');
    char *number = s->out;

    if (!json_scan_is_digit(s, p))
        return json_scan_fail(s, "Expecting value", s->at);
    p = *p == '0' ? p + 1 : json_scan_digits(s, p);
    if (p < s->end && *p == '.' && json_scan_is_digit(s, p + 1))
        p = json_scan_digits(s, p + 1);
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        const char *exponent = p + 1;

        if (exponent < s->end && (*exponent == '+' || *exponent == '-'))
            exponent++;
        if (json_scan_is_digit(s, exponent))
            p = json_scan_digits(s, exponent);
    }
    json_scan_copy_to(s, p);
    if (s->out - number > JSON_SCAN_NUMBER_OCTETS_MAX)
        json_scan_shorten_number(s, number);
    return true;
}

/* Is there, among eight octets, one that is 0? The classic subtraction; exact as an answer for the
 * whole word. */
static uint64_t json_scan_has_zero(uint64_t w)
{
    return (w - UINT64_C(0x0101010101010101)) & ~w & UINT64_C(0x8080808080808080);
}

const char *json_plain_end(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w;

        memcpy(&w, p, sizeof(w));
        if (json_scan_has_zero(w ^ UINT64_C(0x2222222222222222)) | /* " */
            json_scan_has_zero(w ^ UINT64_C(0x5C5C5C5C5C5C5C5C)) | /* \ */
            json_scan_has_zero(w & UINT64_C(0xE0E0E0E0E0E0E0E0)))  /* below the space */
            break;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The four hexadecimal digits behind a \u at p, which must not be the last octets; -1: it is no
 * such escape. */
static int32_t json_scan_code_unit(const struct json_scan *s, const char *p)
{
    int32_t unit = 0;

    if (s->end - p < 7 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9')
            unit = unit << 4 | (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            unit = unit << 4 | ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

/* cJSON decodes what is a character; what is none becomes octets that json_check_text() knows. */
static bool json_scan_unicode_escape(struct json_scan *s)
{
    int32_t unit = json_scan_code_unit(s, s->at), low;

    if (unit < 0)
        return json_scan_fail(s, "Invalid \\uXXXX escape", s->at + 1);
    if (unit == 0) {
        *s->out++ = (char)0xC0;
        *s->out++ = (char)0x80;
        s->at += 6;
        return true;
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        json_scan_copy_to(s, s->at + 6);
        return true;
    }
    low = json_scan_code_unit(s, s->at + 6);
    if (unit < 0xDC00 && low >= 0xDC00 && low <= 0xDFFF) {
        json_scan_copy_to(s, s->at + 12);
        return true;
    }
    *s->out++ = (char)(0xE0 | unit >> 12);
    *s->out++ = (char)(0x80 | (unit >> 6 & 0x3F));
    *s->out++ = (char)(0x80 | (unit & 0x3F));
    s->at += 6;
    return true;
}

static bool json_scan_string(struct json_scan *s)
{
    const char *start = s->at;

    json_scan_copy_to(s, start + 1);
    for (;;) {
        json_scan_copy_to(s, json_plain_end(s->at, s->end));
        if (s->at == s->end)
            return json_scan_fail(s, "Unterminated string starting at", start);
        if (*s->at == '"')
            break;
        if (*s->at != '\\')
            return json_scan_fail(s, "Invalid control character at", s->at);
        if (s->end - s->at < 2)
            return json_scan_fail(s, "Unterminated string starting at", start);
        if (s->at[1] == 'u') {
            if (!json_scan_unicode_escape(s))
                return false;
        } else if (s->at[1] && strchr("\"\\/bfnrt", s->at[1])) {
            json_scan_copy_to(s, s->at + 2);
        } else {
            return json_scan_fail(s, "Invalid \\escape", s->at);
        }
    }
    json_scan_copy_to(s, s->at + 1);
    return true;
}

static bool json_scan_member_name(struct json_scan *s)
{
    if (json_scan_peek(s) != '"')
        return json_scan_fail(s, "Expecting property name enclosed in double quotes", s->at);
    if (!json_scan_string(s))
        return false;
    json_scan_space(s);
    if (json_scan_peek(s) != ':')
        return json_scan_fail(s, "Expecting ':' delimiter", s->at);
    json_scan_copy_to(s, s->at + 1);
    json_scan_space(s);
    return true;
}

/* An array or an object; `close` tells which. */
static bool json_scan_container(struct json_scan *s, char close)
{
    if (s->depth == JSON_DEPTH_MAX)
        return json_scan_fail(s, "Too many nested arrays and objects", s->at);
    s->depth++;
    json_scan_copy_to(s, s->at + 1);
    json_scan_space(s);
    if (json_scan_peek(s) != close) {
        for (;;) {
            if (close == '}' && !json_scan_member_name(s))
                return false;
            if (!json_scan_value(s))
                return false;
            json_scan_space(s);
            if (json_scan_peek(s) == close)
                break;
            if (json_scan_peek(s) != ',')
                return json_scan_fail(s, "Expecting ',' delimiter", s->at);
            json_scan_copy_to(s, s->at + 1);
            json_scan_space(s);
        }
    }
    json_scan_copy_to(s, s->at + 1);
    s->depth--;
    return true;
}

/* Recursion ends at JSON_DEPTH_MAX. */
static bool json_scan_value(struct json_scan *s)
{
    if (s->values++ == JSON_VALUES_MAX)
        return json_scan_fail(s, "Too many values", s->at);
    if (json_scan_is_digit(s, s->at))
        return json_scan_number(s);
    switch (json_scan_peek(s)) {
    case '"':
        return json_scan_string(s);
    case '{':
        return json_scan_container(s, '}');
    case '[':
        return json_scan_container(s, ']');
    case 't':
        return json_scan_literal(s, "true");
    case 'f':
        return json_scan_literal(s, "false");
    case 'n':
        return json_scan_literal(s, "null");
    case '-':
        return json_scan_number(s);
    default:
        return json_scan_fail(s, "Expecting value", s->at);
    }
}

/* Offsets count characters: every octet but the second and later ones of a UTF-8 sequence. */
static size_t json_scan_characters(const char *from, const char *to)
{
    size_t n = 0;

    for (const char *p = from; p < to; p++)
        n += ((unsigned char)*p & 0xC0) != 0x80;
    return n;
}

bool json_scan(const char *text, size_t n, char *out, size_t *ret_len,
               struct json_syntax_error *ret_syntax)
{
    struct json_scan s = {.text = text, .at = text, .end = text + n, .out = out};
    bool ok;

    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        s.text = s.at = text + 3; /* RFC 8259 section 8.1: a byte order mark may be ignored */
    json_scan_space(&s);
    ok = json_scan_value(&s);
    json_scan_space(&s);
    if (ok && s.at < s.end)
        ok = json_scan_fail(&s, "Extra data", s.at);
    if (!ok) {
        ret_syntax->offset = json_scan_characters(s.text, s.reason_at);
        ret_syntax->reason = s.reason;
        return false;
    }
    *s.out = '\0';
    *ret_len = (size_t)(s.out - out);
    return true;
}
