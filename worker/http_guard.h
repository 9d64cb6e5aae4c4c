/*
 * http_guard.h - which addresses tenant-supplied URLs may reach.
 *
 * A tenant must not make this service talk to what only its host can reach: loopback, private
 * networks, link-local (cloud metadata), carrier NAT, multicast and the other special-purpose
 * blocks of RFC 6890, also where they are dressed up as IPv6 (mapped, NAT64, 6to4). The guard looks
 * at the address connected to, not at the name, so a name that resolves differently the next time
 * gains nothing.
 */
#ifndef WORKER_HTTP_GUARD_H
#define WORKER_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

/* What the operator lets through although it is special. */
struct http_guard;

/*
 * Parse GMP_ALLOW_PRIVATE_HOSTS: addresses, CIDR blocks and host names, comma-separated; NULL:
 * nothing. ERR_CONFIG names the entry that is wrong.
 */
enum err http_guard_new(const char *allow_private_hosts, struct http_guard **ret,
                        struct error *err) MUST_CHECK;
void http_guard_free(struct http_guard *guard);

/* May a connection be made to this address? */
bool http_guard_allows_address(const struct http_guard *guard, const struct sockaddr *address);
/* Is this host name (not an address) let through, whatever it resolves to? */
bool http_guard_allows_host(const struct http_guard *guard, const char *host);

#endif
