#include "worker/send/ehlo.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is `word` the keyword at the front of the line? */
static bool ehlo_is_keyword(const char *line, size_t len, const char *word)
{
    size_t n = strlen(word);

    return len >= n && strncasecmp(line, word, n) == 0 && (len == n || line[n] == ' ');
}

/* "SIZE", "SIZE 0" and what is no number mean that no limit is told (RFC 1870 section 3). */
static uint64_t ehlo_read_size(const char *line, size_t len)
{
    uint64_t size = 0;

    size_t i = strlen("SIZE");

    while (i < len && line[i] == ' ')
        i++;
    for (; i < len; i++) {
        if (line[i] < '0' || line[i] > '9' || size > (UINT64_MAX - 9) / 10)
            return 0;
        size = size * 10 + (uint64_t)(line[i] - '0');
    }
    return size;
}

static void ehlo_read_line(const char *line, size_t len, struct ehlo *ret)
{
    for (; len && *line == ' '; line++) /* some put more than one */
        len--;
    if (ehlo_is_keyword(line, len, "PIPELINING")) {
        ret->pipelining = true;
    } else if (ehlo_is_keyword(line, len, "8BITMIME")) {
        ret->eightbitmime = true;
    } else if (ehlo_is_keyword(line, len, "SMTPUTF8")) {
        ret->smtputf8 = true;
    } else if (ehlo_is_keyword(line, len, "DSN")) {
        ret->dsn = true;
    } else if (ehlo_is_keyword(line, len, "SIZE")) {
        ret->size = true;
        ret->size_max = ehlo_read_size(line, len);
    }
}

void ehlo_parse(const char *octets, size_t n, struct ehlo *ret)
{
    struct ehlo ehlo = {0};
    bool first = true; /* the first line is the relay's name and greeting */

    while (n) {
        const char *lf = memchr(octets, '\n', n);
        size_t whole = lf ? (size_t)(lf - octets) + 1 : n;
        size_t len = lf ? whole - 1 : n;

        while (len && (octets[len - 1] == '\r' || octets[len - 1] == ' '))
            len--;
        if (!first && len > 4)
            ehlo_read_line(octets + 4, len - 4, &ehlo);
        first = false;
        octets += whole;
        n -= whole;
    }
    *ret = ehlo;
}
