/*
 * head.c - read the traces that civetweb's parser left in its buffer. See head.h.
 *
 * It takes the head apart in place: words and lines stay where they came in, and what stood between
 * them has become NUL: one for a space or a colon, two for CRLF. Only the space behind a colon
 * stays as it is. The last octet of the head, the LF of its empty line, is a NUL too.
 */
#include "server/http/head.h"

#include <civetweb.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Of civetweb's buffer of 16384 octets: a head this long, with much white space before it, is where
 * looking behind its end would leave the buffer. */
enum { HEAD_OCTETS_MAX = 16000 };

static const char *head_end(const char *text)
{
    return text + strlen(text);
}

/* `name` stands on the line behind the one that ends at `end`, its colon behind it at once. */
static bool head_is_field(const struct mg_header *field, const char *end)
{
    const char *colon = head_end(field->name);

    return end[1] == '\0' && field->name == end + 2 &&
           (field->value == colon + 1 || colon[1] != '\0');
}

/* An empty line, and nothing else, follows the line that ends at `end`. */
static bool head_is_over(const char *end, bool has_fields)
{
    if (end[1] != '\0')
        return false;
    /*
     * Behind the request line civetweb passes over white space of any kind. Two LF end a head too;
     * such a one passes where a CR and a NUL happen to be behind it, and nothing is left out of it.
     */
    return end[2] == (has_fields ? '\r' : '\0') && end[3] == '\0';
}

static int head_count_hosts(const struct mg_request_info *info)
{
    int count = 0;

    for (int i = 0; i < info->num_headers; i++)
        count += strcasecmp(info->http_headers[i].name, "Host") == 0;
    return count;
}

const char *head_check(const struct mg_request_info *info)
{
    const char *target = info->query_string ? info->query_string : info->request_uri;
    const char *end = head_end(info->http_version);
    int hosts = head_count_hosts(info);

    if (info->request_uri != head_end(info->request_method) + 1 ||
        info->http_version != head_end(target) + 1 + strlen("HTTP/"))
        return "The request line must be: method, space, target, space, version";
    for (int i = 0; i < info->num_headers; i++) {
        if (!head_is_field(&info->http_headers[i], end))
            return "Malformed header field, or a line that does not end in CRLF";
        end = head_end(info->http_headers[i].value);
    }
    if (end - info->request_method > HEAD_OCTETS_MAX || !head_is_over(end, info->num_headers > 0))
        return "Malformed header field, or a line that does not end in CRLF";
    if (hosts > 1 || (hosts == 0 && strcmp(info->http_version, "1.0") != 0))
        return "Host: once, no more and no less";
    return NULL;
}
