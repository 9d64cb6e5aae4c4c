/*
 * certificate.h - what an account may say about whom to trust, certificates in PEM (RFC 7468) and
 * pins of public keys (RFC 7469 section 2.4), and who it is itself: a client's certificate and key.
 */
#ifndef COMMON_CERTIFICATE_H
#define COMMON_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

enum { CERTIFICATE_PIN_OCTETS = 53 }; /* "sha256//", 44 characters of base64, a NUL */

/*
 * NULL when `pem` holds certificates and nothing else between its BEGIN and END lines, each of them
 * readable; else a static reason. A private key is such a reason: it must not be kept, or shown.
 */
const char *certificate_check(const char *pem);

/*
 * NULL when `pem` holds a private key that can be read without a passphrase; else a static reason.
 * Other blocks and text around it are passed over.
 */
const char *certificate_check_key(const char *pem);

enum certificate_pair {
    CERTIFICATE_PAIR_FITS,
    CERTIFICATE_PAIR_ORDER,  /* the key is that of another certificate than the first */
    CERTIFICATE_PAIR_STRANGE /* of none of them; also where either cannot be read */
};
/* Does the key belong to the first certificate, as TLS wants it (RFC 8446 section 4.4.2)? */
enum certificate_pair certificate_check_pair(const char *certificates, const char *key);

/* notAfter of the first certificate, in seconds since the epoch; false: there is none to be read.
 */
bool certificate_read_end(const char *pem, int64_t *ret);

/*
 * The SHA-256 of a public key, given as sha256//BASE64, as BASE64 alone, or as 64 hexadecimal
 * digits with or without colons between the octets, into the form that curl takes: sha256//BASE64.
 */
bool certificate_read_pin(const char *text, char ret[CERTIFICATE_PIN_OCTETS]);

#endif
