#include "common/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json_scan.h"
#include "common/utf8.h"

enum err json_parse(const char *text, size_t n, cJSON **ret, struct json_syntax_error *ret_syntax,
                    struct error *err)
{
    struct json_syntax_error syntax;
    char *strict = malloc(n + 1);
    cJSON *root = NULL;
    size_t len = 0;
    enum err rc = ERR_OK;

    if (!strict)
        return error_set(err, ERR_NOMEM, "out of memory for JSON");
    if (!json_scan(text, n, strict, &len, &syntax)) {
        *ret_syntax = syntax;
        rc = error_set(err, ERR_INPUT, "JSON decode error: %s (character %zu)", syntax.reason,
                       syntax.offset);
        goto out;
    }
    root = cJSON_ParseWithLength(strict, len + 1); /* with the NUL, which ends a number */
    if (!root) {                                   /* the syntax is fine, so memory is what lacks */
        rc = error_set(err, ERR_NOMEM, "out of memory for JSON");
        goto out;
    }
    *ret = root;
out:
    free(strict);
    return rc;
}

const cJSON *json_get(const cJSON *object, const char *name)
{
    const cJSON *found = NULL, *item = NULL;

    if (!cJSON_IsObject(object))
        return NULL;
    cJSON_ArrayForEach(item, object)
    {
        if (strcmp(item->string, name) == 0)
            found = item;
    }
    return found;
}

const cJSON *json_get_value(const cJSON *object, const char *name)
{
    const cJSON *item = json_get(object, name);

    return cJSON_IsNull(item) ? NULL : item;
}

const char *json_check_text(const char *text)
{
    return utf8_check(text);
}

/* Every double from 2^63 on is whole; below, the cast is defined and tells. */
static bool json_is_whole(double d)
{
    return d >= 0x1p63 || d < -0x1p63 || d == (double)(int64_t)d;
}

/* INT64_MAX is not a double, 2^63 is: it is the first that is too large. */
static bool json_double_to_int(double d, int64_t *ret, bool *ret_fits)
{
    if (!isfinite(d) || !json_is_whole(d))
        return false;
    *ret_fits = d >= -0x1p63 && d < 0x1p63;
    *ret = *ret_fits ? (int64_t)d : d < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

/* [+-] digits, perhaps a fraction of zeros, white space around: what Python's validators take for
 * an integer. */
static bool json_text_to_int(const char *text, int64_t *ret, bool *ret_fits)
{
    const char *digits, *p;

    text += strspn(text, " \t\r\n");
    digits = text + (*text == '-' || *text == '+');
    p = digits + strspn(digits, "0123456789");
    if (p == digits)
        return false;
    if (p[0] == '.' && p[1] == '0')
        p += 1 + strspn(p + 1, "0");
    p += strspn(p, " \t\r\n");
    if (*p)
        return false;
    errno = 0;
    *ret = strtoll(text, NULL, 10); /* the nearest when it is beyond */
    *ret_fits = errno != ERANGE;
    return true;
}

static bool json_read_int(const cJSON *item, int64_t *ret, bool *ret_fits)
{
    if (cJSON_IsBool(item)) {
        *ret = cJSON_IsTrue(item);
        *ret_fits = true;
        return true;
    }
    if (cJSON_IsNumber(item))
        return json_double_to_int(item->valuedouble, ret, ret_fits);
    return cJSON_IsString(item) && json_text_to_int(item->valuestring, ret, ret_fits);
}

bool json_to_int(const cJSON *item, int64_t *ret)
{
    int64_t value;
    bool fits;

    if (!json_read_int(item, &value, &fits) || !fits)
        return false;
    *ret = value;
    return true;
}

bool json_to_nearest_int(const cJSON *item, int64_t *ret)
{
    bool fits;

    return json_read_int(item, ret, &fits);
}

bool json_to_bool(const cJSON *item, bool *ret)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true", true},   {"t", true},  {"yes", true}, {"y", true},  {"on", true},   {"1", true},
        {"false", false}, {"f", false}, {"no", false}, {"n", false}, {"off", false}, {"0", false},
    };

    if (cJSON_IsBool(item)) {
        *ret = cJSON_IsTrue(item);
        return true;
    }
    if (cJSON_IsNumber(item) && (item->valuedouble == 0 || item->valuedouble == 1)) {
        *ret = item->valuedouble == 1;
        return true;
    }
    for (size_t i = 0; cJSON_IsString(item) && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(item->valuestring, words[i].word) == 0) {
            *ret = words[i].value;
            return true;
        }
    }
    return false;
}

static void json_append_escape(struct buf *out, unsigned char c)
{
    static const char short_for[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: octet, letter */

    for (size_t i = 0; i < sizeof(short_for) - 1; i += 2) {
        if ((unsigned char)short_for[i] == c) {
            char escape[2] = {'\\', short_for[i + 1]};

            buf_append(out, escape, sizeof(escape));
            return;
        }
    }
    buf_printf(out, "\\u%04x", (unsigned)c);
}

/* The end of the run that is copied as it is, of a text that is not all UTF-8. */
static const char *json_sound_end(const char *p, const char *end)
{
    while (p < end) {
        size_t n = utf8_octets(p);

        if (n == 0 || (unsigned char)*p < ' ' || *p == '"' || *p == '\\')
            break;
        p += n;
    }
    return p;
}

void json_append_string(struct buf *out, const char *text)
{
    const char *p = text, *end = text + strlen(text);
    bool is_sound = !utf8_check(text);

    buf_append_char(out, '"');
    while (p < end) {
        const char *run = p;

        p = is_sound ? json_plain_end(p, end) : json_sound_end(p, end);
        buf_append(out, run, (size_t)(p - run));
        if (p < end && (unsigned char)*p < 0x80)
            json_append_escape(out, (unsigned char)*p++);
        else if (p++ < end)
            buf_append_str(out, "\xEF\xBF\xBD"); /* U+FFFD */
    }
    buf_append_char(out, '"');
}

/*
 * 17 digits tell every double from its neighbours; most need fewer, and read better so. JSON has no
 * infinity (a 1e999 that came in) and no NaN: null, as JavaScript writes them; it also is the one
 * that writes whole numbers without exponent up to 10^21.
 */
static void json_append_number(struct buf *out, double d)
{
    char digits[32];

    if (!isfinite(d)) {
        buf_append_str(out, "null");
        return;
    }
    if (json_is_whole(d) && fabs(d) < 1e21) {
        buf_printf(out, "%.0f", d == 0 ? 0.0 : d); /* no "-0" */
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, d);
        if (strtod(digits, NULL) == d)
            break;
    }
    buf_append_str(out, digits);
}

static void json_append_container(struct buf *out, const cJSON *item, const char brackets[2])
{
    buf_append_char(out, brackets[0]);
    for (const cJSON *child = item->child; child; child = child->next) {
        if (child != item->child)
            buf_append_char(out, ',');
        if (cJSON_IsObject(item)) {
            json_append_string(out, child->string);
            buf_append_char(out, ':');
        }
        json_append_value(out, child);
    }
    buf_append_char(out, brackets[1]);
}

void json_append_value(struct buf *out, const cJSON *item)
{
    if (cJSON_IsString(item))
        json_append_string(out, item->valuestring);
    else if (cJSON_IsNumber(item))
        json_append_number(out, item->valuedouble);
    else if (cJSON_IsObject(item))
        json_append_container(out, item, "{}");
    else if (cJSON_IsArray(item))
        json_append_container(out, item, "[]");
    else if (cJSON_IsBool(item))
        buf_append_str(out, cJSON_IsTrue(item) ? "true" : "false");
    else if (cJSON_IsRaw(item))
        buf_append_str(out, item->valuestring);
    else
        buf_append_str(out, "null");
}
