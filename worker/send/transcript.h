/*
 * transcript.h - what one attempt at the relay came to, recipient by recipient.
 */
#ifndef WORKER_SEND_TRANSCRIPT_H
#define WORKER_SEND_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/compose/mail.h"
#include "worker/send/policy.h"

struct transcript_recipient {
    char *address; /* owned */
    struct verdict verdict;
    enum phase phase;   /* where it was decided */
    struct reply reply; /* the reply that decided it; code 0: none, text says what happened */
    bool settled;       /* the three above are set; all are once the attempt has ended */
};

struct transcript {
    struct verdict verdict; /* of the attempt: sent when any was accepted and none deferred;
                               deferred when any is; else error */
    enum phase phase;       /* where it was decided */
    struct reply reply;     /* the deciding reply; code 0: none, text says what happened ("timeout
                               waiting for ...") */
    struct transcript_recipient
        *recipients; /* owned; one per recipient of the mail, in its order */
    size_t recipient_count;
    bool proven; /* over this connection the relay has taken a recipient or message: it serves
                    the account */
    int64_t connect_ms; /* 0 on a reused connection */
    int64_t send_ms;    /* MAIL to the last reply */
};

/* A blank one for an attempt at `mail`; *ret is owned by the caller. */
enum err transcript_new(const struct mail *mail, struct transcript **ret,
                        struct error *err) MUST_CHECK;
void transcript_free(struct transcript *t);  /* NULL is fine */
void transcript_reset(struct transcript *t); /* blank again */

/* Decide about one recipient, or about all that are not settled yet, by policy. `reply` is copied.
 */
void transcript_settle(struct transcript *t, size_t recipient, enum phase phase, enum mishap mishap,
                       const struct reply *reply);
void transcript_settle_rest(struct transcript *t, enum phase phase, enum mishap mishap,
                            const struct reply *reply);
/* The same end for all of `t` as for all of `of`, an attempt that never got as far as MAIL. */
void transcript_copy_verdict(struct transcript *t, const struct transcript *of);
/* Sum up, when every recipient is settled. */
void transcript_conclude(struct transcript *t);
/* It ended for a reason of ours alone (MISHAP_LEASE_LOST, MISHAP_ACCOUNT_CHANGED): no attempt was
 * made. */
bool transcript_is_void(const struct transcript *t);

#endif
