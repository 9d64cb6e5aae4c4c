/*
 * policy.c - what a reply means. See policy.h.
 *
 * 2xx: sent. 4xx and mishaps: deferred. 5xx: error, but deferred where the fault is the account's
 * (its relay, its credentials, its quota): those end when someone mends the account, and no message
 * should be lost to them meanwhile. Before MAIL everything is the account's. From MAIL on it is the
 * message's, at RCPT the recipient's, unless the reply says otherwise; the tables below list those
 * that do. RFC 5321 4.2 and 4.5.3.1.10, RFC 3463, RFC 4954, RFC 7372.
 *
 * tests/unit/replies.txt holds what relays in use say, and what it has to mean.
 */
#include "worker/send/policy.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define POLICY_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Replies from MAIL on that speak of something else than what they answer. All that is given must
 * match. */
struct policy_reading {
    int code;           /* 0: any */
    const char *status; /* without the class: "7.8" is x.7.8, '?' any digit; NULL: any */
    const char *phrase; /* anywhere in the text, in any case; NULL: any */
};

/*
 * We are not let in: not authenticated, or no longer (RFC 4954 section 6), from the wrong place, or
 * not to anywhere but the relay's own domains, which is what a relay says to those it does not
 * know. After DATA such words speak of SPF, DKIM and what the content links to.
 */
static const struct policy_reading policy_admission_readings[] = {
    {530, NULL, NULL},
    {534, NULL, NULL},
    {535, NULL, NULL},
    {538, NULL, NULL},
    {454, "7.0", NULL},
    {0, "7.8", NULL},   /* credentials invalid */
    {0, "7.9", NULL},   /* mechanism too weak */
    {0, "7.11", NULL},  /* encryption required */
    {0, "7.25", NULL},  /* the client's address has no name (RFC 7372) */
    {0, "7.54", NULL},  /* Exchange: relaying to a domain that is not its own */
    {0, "7.57", NULL},  /* Exchange: client was not authenticated */
    {0, "7.64", NULL},  /* Microsoft 365: relay access denied */
    {0, "7.139", NULL}, /* Microsoft 365: authentication unsuccessful */
    {0, NULL, "authentication required"},
    {0, NULL, "authentication is required"},
    {0, NULL, "requires authentication"},
    {0, NULL, "must authenticate"},
    {0, NULL, "must be authenticated"},
    {0, NULL, "need authentication"},
    {0, NULL, "not authenticated"},
    {0, NULL, "please authenticate"},
    {0, NULL, "authenticate first"},
    {0, NULL, "auth command first"},
    {0, NULL, "smtp auth is required"},
    {0, NULL, "unauthenticated senders"},                /* SendGrid */
    {0, NULL, "unauthorized ip address"},                /* Brevo */
    {0, NULL, "sender address rejected: not logged in"}, /* Postfix */
    {0, NULL, "relay access denied"},                    /* Postfix, Zimbra */
    {0, NULL, "relaying denied"},                        /* Sendmail */
    {0, NULL, "relay not permitted"},                    /* Exim */
    {0, NULL, "unable to relay"},                        /* Exchange */
    {0, NULL, "not permitted to relay"},
    {0, NULL, "relaying not allowed"},
    {0, NULL, "we do not relay"},
    {0, NULL, "allowed rcpthosts"},     /* qmail */
    {0, NULL, "client host rejected"},  /* Postfix */
    {0, NULL, "helo command rejected"}, /* Postfix */
    {0, NULL, "blocked using"},         /* a list of addresses: Postfix and others */
    {0, NULL, "banned sending ip"},     /* Microsoft 365 */
    {0, NULL, "is on our block list"},  /* Outlook.com */
};

/* It may send no more for now, or not until its owner has talked to the provider. */
static const struct policy_reading policy_standing_readings[] = {
    {0, "1.90", NULL},                    /* Microsoft 365: daily limit of recipients */
    {0, "4.5", "limit exceeded"},         /* Gmail: daily limits */
    {0, "4.5", "quota exceeded"},         /* Gmail, as it said formerly */
    {0, "7.23?", NULL},                   /* Microsoft 365: limit of external recipients */
    {0, "7.28", NULL},                    /* Gmail: unusual rate of unsolicited mail */
    {0, "7.500", NULL},                   /* Microsoft 365: server busy, for this address */
    {0, "7.501", NULL},                   /* Microsoft 365: spam abuse detected */
    {0, "7.502", NULL},                   /* Microsoft 365: banned sender */
    {0, "7.503", NULL},                   /* Microsoft 365: banned sender */
    {0, "7.508", NULL},                   /* Microsoft 365: address over its limit */
    {0, "7.511", NULL},                   /* Microsoft 365: banned sender */
    {0, "7.6??", NULL},                   /* Microsoft 365: address banned or rate limited */
    {0, "7.7??", NULL},                   /* Microsoft 365: tenant over its threshold */
    {0, NULL, "bad outbound sender"},     /* Microsoft 365 */
    {0, NULL, "concurrent connections"},  /* Exchange, Microsoft 365 */
    {0, NULL, "submissionquotaexceeded"}, /* Exchange */
    {0, NULL, "submission rate"},         /* Exchange */
    {0, NULL, "exceeded the rate limit"}, /* Outlook.com */
    {0, NULL, "email quota exceeded"},    /* Gmail */
    {0, NULL, "rate of unsolicited mail originating from your ip"}, /* Gmail */
    {0, NULL, "[ts0"}, /* Yahoo: complaints about this address */
    {0, NULL, "[tss0"},
    {0, NULL, "throttling failure"}, /* Amazon SES */
    {0, NULL, "sending paused"},     /* Amazon SES */
    {0, NULL, "is not authorized to perform `ses"},
    {0, NULL, "max emails per hour"},          /* cPanel */
    {0, NULL, "message count quota exceeded"}, /* Postfix with policyd */
    {0, NULL, "too many emails per second"},   /* Mailtrap */
    {0, NULL, "sending limit exceeded"},
    {0, NULL, "send limit exceeded"},
    {0, NULL, "sending quota"},
    {0, NULL, "outgoing limit"},
    {0, NULL, "unusual sending activity"}, /* Zoho */
};

/* At RCPT and yet about the sender or the size (Postfix and Exim put all refusals off until RCPT).
 */
static const struct policy_reading policy_message_readings[] = {
    {0, "1.7", NULL},
    {0, "1.8", NULL},
    {0, "3.4", NULL},
    {0, NULL, "sender address rejected"},
    {0, NULL, "sender verify failed"},
};

/* After DATA and yet about the mailbox of the only recipient. */
static const struct policy_reading policy_mailbox_readings[] = {
    {0, "1.1", NULL}, {0, "1.10", NULL}, {0, "2.1", NULL}, {0, "2.2", NULL}};

/* What a 552 at RCPT speaks of when a mailbox is full or a message too large. */
static const char *const policy_storage_words[] = {"quota", "storage", "mailbox",
                                                   "space", "size",    "large"};

static bool policy_text_has(const char *text, const char *phrase)
{
    size_t n = strlen(phrase);

    for (; *text; text++)
        if (strncasecmp(text, phrase, n) == 0)
            return true;
    return false;
}

static bool policy_is_listed(const struct policy_reading *readings, size_t count,
                             const struct reply *reply)
{
    const char *detail = reply->status[0] ? reply->status + 2 : "";

    for (size_t i = 0; i < count; i++) {
        const struct policy_reading *r = &readings[i];

        if ((r->code == 0 || r->code == reply->code) &&
            (!r->status || fnmatch(r->status, detail, 0) == 0) &&
            (!r->phrase || policy_text_has(reply->text, r->phrase)))
            return true;
    }
    return false;
}

#define POLICY_LISTS(readings, reply) policy_is_listed(readings, POLICY_COUNT(readings), reply)

static bool policy_is_of_account(enum phase phase, const struct reply *reply, bool proven)
{
    if (POLICY_LISTS(policy_standing_readings, reply))
        return true;
    /* Exchange's "RESOLVER.RST...; authentication required": a group that strangers may not write
     * to. */
    if (phase == PHASE_RCPT && (proven || policy_text_has(reply->text, "resolver.rst")))
        return false;
    return phase < PHASE_CONTENT && POLICY_LISTS(policy_admission_readings, reply);
}

static enum blame policy_read_blame(enum phase phase, const struct reply *reply)
{
    if (phase == PHASE_RCPT)
        return POLICY_LISTS(policy_message_readings, reply) ? BLAME_MESSAGE : BLAME_RECIPIENT;
    if (phase == PHASE_DOT && POLICY_LISTS(policy_mailbox_readings, reply))
        return BLAME_RECIPIENT;
    return BLAME_MESSAGE;
}

/*
 * At RCPT: does this refuse only because the transaction has enough recipients? The others go in
 * the next one then (RFC 5321 section 4.5.3.1.10). A bare 552 has two meanings, which only the
 * words tell apart.
 */
static bool policy_is_full_transaction(const struct reply *reply)
{
    if (policy_text_has(reply->text, "too many recipients") || strcmp(reply->status, "5.5.3") == 0)
        return true;
    if (reply->code != 552 || reply->status[0])
        return false;
    for (size_t i = 0; i < POLICY_COUNT(policy_storage_words); i++)
        if (policy_text_has(reply->text, policy_storage_words[i]))
            return false;
    return true;
}

static struct verdict policy_judge_mishap(enum phase phase, enum mishap mishap)
{
    switch (mishap) {
    case MISHAP_NONE:
    case MISHAP_REFUSED:
    case MISHAP_TIMEOUT:
    case MISHAP_CUT:
    case MISHAP_GARBAGE:
        break;
    case MISHAP_CERTIFICATE:
    case MISHAP_CLIENT_CERTIFICATE:
    case MISHAP_NO_STARTTLS:
    case MISHAP_NO_AUTH:
    case MISHAP_SECRET:
    case MISHAP_NO_TOKEN:
    case MISHAP_PLAIN_AUTH:
        return (struct verdict){OUTCOME_DEFERRED, BLAME_ACCOUNT};
    case MISHAP_TOO_LARGE:
        return (struct verdict){OUTCOME_ERROR, BLAME_MESSAGE};
    case MISHAP_NO_SMTPUTF8:
    case MISHAP_BAD_PATH:
        return (struct verdict){OUTCOME_ERROR,
                                phase == PHASE_RCPT ? BLAME_RECIPIENT : BLAME_MESSAGE};
    case MISHAP_ACCOUNT_CHANGED:
    case MISHAP_LEASE_LOST:
        return (struct verdict){OUTCOME_DEFERRED, BLAME_NONE};
    }
    /* A connection that breaks once the dialogue is under way tells nothing about the account. */
    return (struct verdict){OUTCOME_DEFERRED, phase < PHASE_MAIL ? BLAME_ACCOUNT : BLAME_MESSAGE};
}

static struct verdict policy_judge_reply(enum phase phase, const struct reply *reply, bool proven)
{
    struct verdict ret = {OUTCOME_ERROR, policy_read_blame(phase, reply)};

    if (reply->code / 100 == 2 ? phase != PHASE_DATA : reply->code == 354 && phase == PHASE_DATA)
        return (struct verdict){OUTCOME_SENT, BLAME_NONE};
    if (phase == PHASE_RCPT && policy_is_full_transaction(reply))
        return (struct verdict){OUTCOME_DEFERRED, BLAME_RECIPIENT};
    if (phase < PHASE_MAIL || policy_is_of_account(phase, reply, proven))
        return (struct verdict){OUTCOME_DEFERRED, BLAME_ACCOUNT};
    if (reply->code < 500) /* or below 400: the relay has lost the thread */
        ret.outcome = OUTCOME_DEFERRED;
    return ret;
}

struct verdict policy_judge(enum phase phase, enum mishap mishap, const struct reply *reply)
{
    return mishap == MISHAP_NONE ? policy_judge_reply(phase, reply, false)
                                 : policy_judge_mishap(phase, mishap);
}

struct verdict policy_judge_again(enum phase phase, const struct reply *reply)
{
    return policy_judge_reply(phase, reply, true);
}

const char *policy_phase_name(enum phase phase)
{
    static const char *const names[] = {
        [PHASE_CONNECT] = "connect", [PHASE_TLS] = "tls",           [PHASE_GREETING] = "greeting",
        [PHASE_EHLO] = "ehlo",       [PHASE_STARTTLS] = "starttls", [PHASE_AUTH] = "auth",
        [PHASE_MAIL] = "mail",       [PHASE_RCPT] = "rcpt",         [PHASE_DATA] = "data",
        [PHASE_CONTENT] = "content", [PHASE_DOT] = "dot",           [PHASE_RSET] = "rset",
    };

    return names[phase];
}

const char *policy_outcome_name(enum outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_SENT] = "sent", [OUTCOME_DEFERRED] = "deferred", [OUTCOME_ERROR] = "error"};

    return names[outcome];
}

const char *policy_blame_name(enum blame blame)
{
    static const char *const names[] = {[BLAME_NONE] = "none",
                                        [BLAME_RECIPIENT] = "recipient",
                                        [BLAME_MESSAGE] = "message",
                                        [BLAME_ACCOUNT] = "account"};

    return names[blame];
}
