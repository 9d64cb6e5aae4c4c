/*
 * certificate.h - what an account may say about whom to trust: certificates in PEM (RFC 7468) and
 * pins of public keys (RFC 7469 section 2.4).
 */
#ifndef COMMON_CERTIFICATE_H
#define COMMON_CERTIFICATE_H

#include <stdbool.h>

enum { CERTIFICATE_PIN_OCTETS = 53 }; /* "sha256//", 44 characters of base64, a NUL */

/*
 * NULL when `pem` holds certificates and nothing else between its BEGIN and END lines, each of them
 * readable; else a static reason. A private key is such a reason: it must not be kept, or shown.
 */
const char *certificate_check(const char *pem);

/*
 * The SHA-256 of a public key, given as sha256//BASE64, as BASE64 alone, or as 64 hexadecimal
 * digits with or without colons between the octets, into the form that curl takes: sha256//BASE64.
 */
bool certificate_read_pin(const char *text, char ret[CERTIFICATE_PIN_OCTETS]);

#endif
