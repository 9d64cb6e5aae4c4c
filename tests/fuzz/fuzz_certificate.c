/*
 * fuzz_certificate.c - whom an account trusts: PEM of any octets is refused or holds no private
 * key; who it is: a key that fits a certificate is one; a pin is refused or reads as itself again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    char *text = malloc(n + 1);
    char pin[CERTIFICATE_PIN_OCTETS], again[CERTIFICATE_PIN_OCTETS];
    int64_t end_s;

    assert(text);
    if (n)
        memcpy(text, octets, n);
    text[n] = '\0';
    if (!certificate_check(text))
        assert(strstr(text, "-----BEGIN ") && !strstr(text, "PRIVATE KEY"));
    (void)!certificate_read_end(text, &end_s);
    if (certificate_check_pair(text, text) == CERTIFICATE_PAIR_FITS)
        assert(!certificate_check_key(text) && certificate_read_end(text, &end_s));
    if (certificate_read_pin(text, pin)) {
        assert(strlen(pin) == sizeof(pin) - 1 && !strncmp(pin, "sha256//", 8));
        assert(certificate_read_pin(pin, again) && !strcmp(pin, again));
    }
    free(text);
    return 0;
}
