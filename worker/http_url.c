/*
 * http_url.c - libcurl's URL parser, wrapped. See http_url.h.
 */
#include "worker/http_url.h"

#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

static CURLU *http_url_parse(const char *text)
{
    CURLU *url = curl_url();
    char *scheme = NULL;
    bool ok = url && text &&
              !curl_url_set(url, CURLUPART_URL, text, CURLU_URLENCODE | CURLU_ALLOW_SPACE) &&
              !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) &&
              (!strcmp(scheme, "http") || !strcmp(scheme, "https"));

    curl_free(scheme);
    if (ok)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

/* One part, copied; NULL when it is missing or memory is out. */
static char *http_url_copy_part(CURLU *url, CURLUPart part)
{
    char *text = NULL, *copy = NULL;

    if (!curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) && text)
        copy = strdup(text);
    curl_free(text);
    return copy;
}

enum err http_url_read(const char *text, char **ret_url, char **ret_host, struct error *err)
{
    CURLU *url = http_url_parse(text);
    char *whole = NULL, *host = NULL;

    if (!url)
        return error_set(err, ERR_INPUT, "its URL is not an http or https one");
    whole = http_url_copy_part(url, CURLUPART_URL);
    host = http_url_copy_part(url, CURLUPART_HOST);
    curl_url_cleanup(url);
    if (!whole || !host) {
        free(whole);
        free(host);
        return error_set(err, ERR_NOMEM, "out of memory for a URL");
    }
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[') { /* an IPv6 address */
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
    }
    *ret_url = whole;
    *ret_host = host;
    return ERR_OK;
}

static bool http_url_same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *one = http_url_copy_part(a, part), *other = http_url_copy_part(b, part);
    bool same = one && other && !strcasecmp(one, other);

    free(one);
    free(other);
    return same;
}

bool http_url_same_origin(const char *a, const char *b)
{
    CURLU *one = http_url_parse(a), *other = http_url_parse(b);
    bool same = one && other && http_url_same_part(one, other, CURLUPART_SCHEME) &&
                http_url_same_part(one, other, CURLUPART_HOST) &&
                http_url_same_part(one, other, CURLUPART_PORT);

    curl_url_cleanup(one);
    curl_url_cleanup(other);
    return same;
}

char *http_url_join(const char *base, const char *path, const char *otherwise)
{
    struct buf url = BUF_INIT(SIZE_MAX / 2);
    size_t n = strlen(base);

    while (n && base[n - 1] == '/')
        n--;
    buf_append(&url, base, n);
    buf_append_str(&url, path ? path : otherwise);
    return buf_take(&url, NULL);
}
