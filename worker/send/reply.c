/*
 * reply.c - SMTP replies from the wire. See reply.h.
 *
 * Lenient where relays in use are: a bare LF ends a line, the code alone is a line, and of lines
 * with different codes the last one counts (libcurl reads them the same way). What is kept of a
 * reply is clean: UTF-8 without controls, so that it can be logged, stored and shown.
 */
#include "worker/send/reply.h"

#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

/* One line of a reply. Pointers into the octets parsed. */
struct reply_line {
    int code;
    bool last;
    const char *text; /* behind code and separator, without the line end */
    size_t len;
    size_t octets; /* of the whole line, line end included; 0: it has not come whole */
};

static bool reply_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err reply_reject(const char *octets, size_t n, const char *why, struct error *err)
{
    char start[64];
    size_t len = 0;

    for (size_t i = 0; i < n && len < sizeof(start) - 1 && octets[i] != '\n'; i++)
        if (octets[i] != '\r')
            start[len++] = (char)(octets[i] >= ' ' && octets[i] < 0x7f ? octets[i] : '?');
    start[len] = '\0';
    return error_set(err, ERR_NET, "%s: \"%s\"", why, start);
}

/* Length of "5.1.1" at the front of `text` when its class is that of the code (RFC 2034 section 4),
 * else 0. */
static size_t reply_match_status(const char *text, size_t len, int code)
{
    size_t at = 1;

    if (len < 5 || text[0] != '0' + code / 100)
        return 0;
    for (int part = 0; part < 2; part++) {
        size_t digits = 0;

        if (at >= len || text[at++] != '.')
            return 0;
        while (at < len && digits < 3 && reply_is_digit(text[at])) {
            at++;
            digits++;
        }
        if (digits == 0)
            return 0;
    }
    return at == len || text[at] == ' ' || text[at] == '\t' ? at : 0;
}

/* Append the line's text to ret->text, clean, behind a space when something is there already. */
static void reply_append_text(struct reply *ret, const char *text, size_t len)
{
    size_t used = strlen(ret->text);

    while (len && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        len--;
    }
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len && used && used < sizeof(ret->text) - 1)
        ret->text[used++] = ' ';
    while (len) {
        char one[5] = {0};
        size_t octets;

        memcpy(one, text, len < 4 ? len : 4);
        octets = utf8_octets(one);
        if (octets <= 1) {
            bool printable = octets == 1 && one[0] >= ' ' && one[0] != 0x7f;

            one[0] = (char)(printable ? one[0] : one[0] == '\t' ? ' ' : '?');
            octets = 1;
        } else if (one[0] == '\xc2' && (unsigned char)one[1] < 0xa0) {
            one[0] = one[1] = '?'; /* C1 controls */
        }
        if (used + octets >= sizeof(ret->text))
            break;
        memcpy(ret->text + used, one, octets);
        used += octets;
        text += octets;
        len -= octets;
    }
    ret->text[used] = '\0';
}

static enum err reply_read_line(const char *octets, size_t n, struct reply_line *ret,
                                struct error *err)
{
    const char *lf = memchr(octets, '\n', n < REPLY_LINE_OCTETS_MAX ? n : REPLY_LINE_OCTETS_MAX);
    size_t len = lf ? (size_t)(lf - octets) : n;

    for (size_t i = 0; i < 3 && i < len; i++)
        if (!reply_is_digit(octets[i]))
            return reply_reject(octets, n, "not an SMTP reply", err);
    if (!lf) {
        if (n >= REPLY_LINE_OCTETS_MAX)
            return reply_reject(octets, n, "a reply line is too long", err);
        *ret = (struct reply_line){0};
        return ERR_OK;
    }
    if (len && octets[len - 1] == '\r')
        len--;
    if (len < 3 || octets[0] < '2' || octets[0] > '5' ||
        (len > 3 && octets[3] != ' ' && octets[3] != '-'))
        return reply_reject(octets, n, "not an SMTP reply", err);
    *ret = (struct reply_line){
        .code = (octets[0] - '0') * 100 + (octets[1] - '0') * 10 + (octets[2] - '0'),
        .last = len == 3 || octets[3] == ' ',
        .text = octets + (len > 3 ? 4 : 3),
        .len = len > 3 ? len - 4 : 0,
        .octets = (size_t)(lf - octets) + 1,
    };
    return ERR_OK;
}

enum err reply_parse(const char *octets, size_t n, struct reply *ret, size_t *ret_used,
                     struct error *err)
{
    struct reply reply = {0};
    size_t at = 0;

    for (int lines = 0; lines < REPLY_LINES_MAX; lines++) {
        struct reply_line line = {0};
        size_t status;
        enum err rc = reply_read_line(octets + at, n - at, &line, err);

        if (rc)
            return rc;
        if (line.octets == 0) {
            *ret_used = 0;
            return ERR_OK;
        }
        at += line.octets;
        reply.code = line.code;
        status = reply_match_status(line.text, line.len, line.code);
        if (status && status < sizeof(reply.status) && !reply.status[0]) {
            memcpy(reply.status, line.text, status);
            reply.status[status] = '\0';
        }
        reply_append_text(&reply, line.text + status, line.len - status);
        if (line.last) {
            if (reply.status[0] != '0' + reply.code / 100)
                reply.status[0] = '\0'; /* of a line with another code */
            *ret = reply;
            *ret_used = at;
            return ERR_OK;
        }
    }
    return reply_reject(octets, n, "a reply has too many lines", err);
}

void reply_describe(struct reply *ret, const char *text)
{
    struct reply reply = {0};

    reply_append_text(&reply, text, strlen(text));
    *ret = reply;
}
