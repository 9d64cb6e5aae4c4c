/*
 * policy.h - what a reply means. The only file that decides outcomes; pure, table-tested.
 */
#ifndef WORKER_SEND_POLICY_H
#define WORKER_SEND_POLICY_H

#include <stdbool.h>

#include "worker/send/reply.h"

enum outcome { OUTCOME_SENT, OUTCOME_DEFERRED, OUTCOME_ERROR }; /* the API's words */

/* Whose fault it is. An account's fault makes all its messages wait; a recipient's settles that
 * recipient alone. */
enum blame { BLAME_NONE, BLAME_RECIPIENT, BLAME_MESSAGE, BLAME_ACCOUNT };

/* Where in the dialogue it happened. */
enum phase {
    PHASE_CONNECT, /* name resolution, TCP */
    PHASE_TLS,
    PHASE_GREETING,
    PHASE_EHLO,
    PHASE_STARTTLS,
    PHASE_AUTH,
    PHASE_MAIL,
    PHASE_RCPT,
    PHASE_DATA,    /* the command */
    PHASE_CONTENT, /* sending the octets, until the final dot is out */
    PHASE_DOT,     /* waiting for the reply to the final dot */
    PHASE_RSET,
};

/* What happened where there was no reply. */
enum mishap {
    MISHAP_NONE,    /* there was a reply */
    MISHAP_REFUSED, /* could not connect */
    MISHAP_TIMEOUT,
    MISHAP_CUT,                /* the connection broke */
    MISHAP_GARBAGE,            /* not SMTP */
    MISHAP_CERTIFICATE,        /* does not verify, or not the pinned one */
    MISHAP_CLIENT_CERTIFICATE, /* the relay refused the account's, or wants one; or it is unusable
                                */
    MISHAP_NO_STARTTLS,        /* wanted, not offered */
    MISHAP_NO_AUTH,            /* credentials given, no mechanism in common */
    MISHAP_TOO_LARGE,          /* over the relay's SIZE (RFC 1870) */
    MISHAP_NO_SMTPUTF8,        /* needed for this address, not offered */
    MISHAP_SECRET,             /* a secret of the account cannot be opened */
    MISHAP_NO_TOKEN,   /* there is no access token for the account, or its relay refused it */
    MISHAP_PLAIN_AUTH, /* a password over a plain connection, which GMP_REQUIRE_TLS_FOR_AUTH forbids
                        */
    MISHAP_BAD_PATH,   /* this address may not go on the wire: it holds a CR, LF, control or stray
                          space */
    MISHAP_ACCOUNT_CHANGED, /* it was updated or deleted meanwhile: claim the message anew */
    MISHAP_LEASE_LOST, /* the claim is no longer ours: ended before the relay could take the message
                        */
};

struct verdict {
    enum outcome outcome;
    enum blame blame;
};

/*
 * `reply` is read when mishap is MISHAP_NONE. In PHASE_RCPT the verdict is about that recipient. A
 * positive reply (354 to DATA, 2xx to all else) is OUTCOME_SENT, whatever the phase: go on.
 */
struct verdict policy_judge(enum phase phase, enum mishap mishap, const struct reply *reply);

/*
 * The verdict on the same reply once it is known that the relay serves this account: over this
 * connection it has taken another recipient, or a message. "Relay access denied" and
 * "authentication required" at RCPT are then about that recipient alone, and the account need not
 * wait for it.
 */
struct verdict policy_judge_again(enum phase phase, const struct reply *reply);

const char *
policy_phase_name(enum phase phase); /* lower case, for texts and logs: "greeting", "mail", ... */
const char *policy_outcome_name(enum outcome outcome);
const char *policy_blame_name(enum blame blame);

#endif
