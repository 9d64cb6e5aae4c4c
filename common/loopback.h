/*
 * loopback.h - does connecting to this host never leave the machine?
 */
#ifndef COMMON_LOOPBACK_H
#define COMMON_LOOPBACK_H

#include <stdbool.h>

/* "localhost", which libcurl resolves by itself, 127.0.0.0/8 and ::1, in brackets or not. */
bool loopback_is_host(const char *host);

#endif
