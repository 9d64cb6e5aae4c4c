#include "common/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool utf8_is_between(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

static bool utf8_is_tail(unsigned char c)
{
    return utf8_is_between(c, 0x80, 0xBF);
}

/* The table of RFC 3629 section 4: the second octet's range depends on the first. */
size_t utf8_octets(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xBF;

    if (p[0] < 0x80)
        return p[0] ? 1 : 0;
    if (utf8_is_between(p[0], 0xC2, 0xDF))
        return utf8_is_tail(p[1]) ? 2 : 0;
    if (utf8_is_between(p[0], 0xE0, 0xEF)) {
        if (p[0] == 0xE0)
            low = 0xA0; /* below: overlong */
        if (p[0] == 0xED)
            high = 0x9F; /* above: surrogates */
        return utf8_is_between(p[1], low, high) && utf8_is_tail(p[2]) ? 3 : 0;
    }
    if (utf8_is_between(p[0], 0xF0, 0xF4)) {
        if (p[0] == 0xF0)
            low = 0x90; /* below: overlong */
        if (p[0] == 0xF4)
            high = 0x8F; /* above: beyond U+10FFFF */
        return utf8_is_between(p[1], low, high) && utf8_is_tail(p[2]) && utf8_is_tail(p[3]) ? 4 : 0;
    }
    return 0;
}

/* The first octet from p on that is not ASCII; `end` if there is none. */
static const char *utf8_ascii_end(const char *p, const char *end)
{
    uint64_t word;

    for (; end - p >= (ptrdiff_t)sizeof(word); p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (p < end && (unsigned char)*p < 0x80)
        p++;
    return p;
}

const char *utf8_check(const char *text)
{
    const char *end = text + strlen(text), *p = utf8_ascii_end(text, end);

    while (p < end) {
        size_t n = utf8_octets(p);

        if (n == 0) {
            bool is_nul = (unsigned char)p[0] == 0xC0 && (unsigned char)p[1] == 0x80;

            return is_nul ? "contains a NUL character" : "is not valid UTF-8";
        }
        p = utf8_ascii_end(p + n, end);
    }
    return NULL;
}
