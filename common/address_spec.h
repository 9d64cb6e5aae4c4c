/*
 * address_spec.h - the strict half of address.h: local-part "@" domain, RFC 5321 4.1.2 and 4.1.3,
 * RFC 6531 3.3.
 *
 * Wants text that address_parse() has found to be UTF-8 without control characters.
 */
#ifndef COMMON_ADDRESS_SPEC_H
#define COMMON_ADDRESS_SPEC_H

#include <stddef.h>

#include "common/address.h"

/* Fill local_part, domain and local_is_ascii of *ret from the n octets at `text`; the display name
 * is not touched. */
enum err address_spec_parse(const char *text, size_t n, struct address *ret,
                            struct error *err) MUST_CHECK;

#endif
