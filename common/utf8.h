/*
 * utf8.h - is this text UTF-8 (RFC 3629)? Overlong forms, surrogates and code points above U+10FFFF
 * are not.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

/*
 * Octets of the character that `text` begins with: 1 to 4; 0 at the end or when it is not UTF-8.
 * Never reads past a NUL.
 */
size_t utf8_octets(const char *text);
/*
 * NULL when `text` is valid UTF-8; else a static reason: "contains a NUL character" (the octets C0
 * 80, which stand for one in a C string) or "is not valid UTF-8".
 */
const char *utf8_check(const char *text);

#endif
