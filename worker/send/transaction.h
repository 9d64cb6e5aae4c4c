/*
 * transaction.h - one mail transaction (RFC 5321 3.3): what to say next, and what each reply means
 * for whom.
 *
 * No sockets and no clock: session.h carries the octets and keeps the time. With PIPELINING (RFC
 * 2920) MAIL, all RCPT and DATA are said at once, else each waits for the reply to the one before.
 */
#ifndef WORKER_SEND_TRANSACTION_H
#define WORKER_SEND_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "worker/compose/mail.h"
#include "worker/send/content.h"
#include "worker/send/ehlo.h"
#include "worker/send/transcript.h"

/* Named after the reply that is waited for. */
enum transaction_state {
    TRANSACTION_NEW,
    TRANSACTION_RSET,
    TRANSACTION_MAIL,
    TRANSACTION_RCPT,
    TRANSACTION_DATA,
    TRANSACTION_CONTENT, /* no reply is due: the octets are on their way */
    TRANSACTION_DOT,
    TRANSACTION_VOID, /* to the dot of an empty message: DATA was accepted though no recipient was
                       */
    TRANSACTION_DONE,
    TRANSACTION_STATES,
};

enum { TRANSACTION_CHUNK_OCTETS = 32 * 1024, TRANSACTION_OUT_CAP_OCTETS = 64 * 1024 };

struct transaction {
    const struct mail *mail; /* borrowed, as are the next two */
    struct transcript *transcript;
    const struct ehlo *ehlo;
    enum transaction_state state;
    struct content content;
    bool smtputf8;
    bool data_said;
    bool refused;                /* MAIL was: the replies still due mean nothing */
    bool dirty;                  /* it did not end with a message: RSET before the next */
    enum transaction_state next; /* command to say: RSET to DATA; CONTENT: none is left */
    size_t rcpt_next;            /* recipient of the next RCPT to say */
    size_t rcpt_due;             /* recipient that the next reply to RCPT is about */
    size_t unanswered;           /* commands said */
    size_t rcpts_unanswered;     /* RCPTs among them */
    size_t accepted;             /* recipients */
};

/*
 * Begin, with RSET when the transaction before was refused. May be done at once: what this relay
 * cannot take is settled without a word to it. `transcript` is blank; when done it is complete but
 * for the times.
 */
void transaction_begin(struct transaction *t, const struct mail *mail,
                       struct transcript *transcript, const struct ehlo *ehlo, bool rset);
/* Append to the empty `out` what may be said now; nothing when a reply must come first. */
void transaction_write(struct transaction *t, struct buf *out);
/* Is the dot that ends the message in what was written and is not sent yet? */
bool transaction_holds_dot(const struct transaction *t);
/* All that was written has been sent. */
void transaction_note_sent(struct transaction *t);

/* Does this reply end the connection instead of answering: 421, one that nothing was said for, RSET
 * refused? */
bool transaction_is_farewell(const struct transaction *t, const struct reply *reply);
/* The answer to what was said first and not answered yet. Not a farewell. */
void transaction_take_reply(struct transaction *t, const struct reply *reply);
/* The connection is at its end: settle who is left and be done. */
void transaction_break(struct transaction *t, enum mishap mishap, const struct reply *reply);

int32_t
transaction_timeout_s(const struct transaction *t); /* of the wait that is on: RFC 5321 4.5.3.2 */
const char *transaction_waits_for(const struct transaction *t); /* "the reply to MAIL", ... */

#endif
