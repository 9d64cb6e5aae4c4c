/*
 * mail.h - one message ready for the wire: envelope and octets.
 */
#ifndef WORKER_COMPOSE_MAIL_H
#define WORKER_COMPOSE_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct mail_recipient {
    char *address; /* owned; forward-path as RCPT carries it: local@domain, domain in A-labels */
    bool ascii;    /* false: the local part needs SMTPUTF8 */
};

struct mail {
    char *sender;      /* owned; reverse-path, "" for the null one */
    bool sender_ascii; /* false: it, or the address in From, needs SMTPUTF8 */
    struct mail_recipient
        *recipients; /* owned; To, Cc, Bcc in that order, each address once, without settled ones */
    size_t recipient_count;
    char *dsn_notify;  /* owned; value of NOTIFY (RFC 3461) with each recipient; NULL: none */
    char *dsn_ret;     /* owned; value of RET; NULL: none */
    char *envelope_id; /* owned; for ENVID, not encoded yet; NULL: no notifications are asked for */
    bool has_8bit; /* the octets need 8BITMIME; never without the relay offering it (see compose) */
    struct buf data; /* RFC 5322 octets, CRLF line ends, not dot-stuffed, ends in CRLF, no line over
                        998 octets */
};

void mail_free(struct mail *mail); /* NULL is fine */

#endif
