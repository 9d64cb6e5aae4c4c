/*
 * account_warnings.h - what an operator should know about how an account is set up.
 */
#ifndef SERVER_ROUTES_ACCOUNT_WARNINGS_H
#define SERVER_ROUTES_ACCOUNT_WARNINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACCOUNT_WARNINGS_MAX = 3 };

struct account_setup {
    int64_t port;
    bool has_user;
    bool has_use_tls, use_tls; /* not has_use_tls: TLS exactly on port 465 */
    bool tls_verify;
    bool certificate_expired; /* the client's */
};

/* How many there are, the worst first. */
size_t account_warnings(const struct account_setup *setup, const char *ret[ACCOUNT_WARNINGS_MAX]);

#endif
