/*
 * http_url.h - http and https URLs (RFC 3986, parsed by libcurl, so that what is checked is what is
 * requested).
 */
#ifndef WORKER_HTTP_URL_H
#define WORKER_HTTP_URL_H

#include <stdbool.h>

#include "common/error.h"

/* *ret_url: normalised; *ret_host: the host alone, an IPv6 address without brackets. Both owned.
 * ERR_INPUT, ERR_NOMEM. */
enum err http_url_read(const char *text, char **ret_url, char **ret_host,
                       struct error *err) MUST_CHECK;

/* Same scheme, host and port (RFC 6454)? false when either is no URL. */
bool http_url_same_origin(const char *a, const char *b);

/* base without its trailing slashes, followed by path as it is, or by `otherwise` when path is
 * NULL; owned; NULL: out of memory. */
char *http_url_join(const char *base, const char *path, const char *otherwise);

#endif
