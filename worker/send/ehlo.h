/*
 * ehlo.h - what a relay offers in its reply to EHLO (RFC 5321 4.1.1.1).
 */
#ifndef WORKER_SEND_EHLO_H
#define WORKER_SEND_EHLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: nothing, as after HELO. */
struct ehlo {
    bool pipelining;   /* RFC 2920 */
    bool size;         /* RFC 1870 */
    uint64_t size_max; /* octets; 0: no limit told */
    bool eightbitmime; /* RFC 6152 */
    bool smtputf8;     /* RFC 6531 */
    bool dsn;          /* RFC 3461 */
};

/* Read the octets of one whole reply to EHLO. Keywords that are not used here, and malformed lines,
 * are passed over. */
void ehlo_parse(const char *octets, size_t n, struct ehlo *ret);

#endif
