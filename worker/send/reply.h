/*
 * reply.h - SMTP replies (RFC 5321 4.2, RFC 2034 enhanced status codes), parsed from the wire.
 */
#ifndef WORKER_SEND_REPLY_H
#define WORKER_SEND_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum {
    REPLY_TEXT_OCTETS = 512,
    REPLY_LINE_OCTETS_MAX = 4096,
    REPLY_LINES_MAX = 200,
    REPLY_STATUS_OCTETS = 12
};

struct reply {
    int code;                         /* 200..599; 0: there was none */
    char status[REPLY_STATUS_OCTETS]; /* "5.1.1" (RFC 3463); "" when the reply has none */
    char text[REPLY_TEXT_OCTETS]; /* lines joined by a space, without code and status, printable;
                                     cut when longer */
};

/*
 * Take one whole reply from the front of `octets`.
 * Returns ERR_OK with *ret and *ret_used octets; ERR_OK with *ret_used 0 when it is not whole yet;
 * ERR_NET when this is no SMTP reply or over a cap (the text quotes the start of it, printable).
 */
enum err reply_parse(const char *octets, size_t n, struct reply *ret, size_t *ret_used,
                     struct error *err) MUST_CHECK;

/* Where there was no reply: code 0 and `text`, cleaned as a reply's would be. */
void reply_describe(struct reply *ret, const char *text);

#endif
