/*
 * policy.c - what a reply means. See policy.h.
 *
 * 2xx: sent. 4xx and mishaps: deferred. 5xx: error, but deferred where the fault is the account's
 * (its relay, its credentials, its quota): those end when someone mends the account, and no message
 * should be lost to them meanwhile. Before MAIL everything is the account's. From MAIL on it is the
 * message's, at RCPT the recipient's, unless the reply says otherwise; the tables below list those
 * that do. RFC 5321 4.2 and 4.5.3.1.10, RFC 3463, RFC 4954.
 */
#include "worker/send/policy.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define POLICY_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Replies from MAIL on that speak of the account. All that is given must match. */
struct policy_reading {
    int code;           /* 0: any */
    const char *status; /* without the class: "7.8" is x.7.8; NULL: any */
    const char *phrase; /* anywhere in the text, in any case; NULL: any */
};

/* Not authenticated, or no longer (RFC 4954 section 6). After DATA such words speak of SPF and
 * DKIM. */
static const struct policy_reading policy_login_readings[] = {
    {530, NULL, NULL},
    {534, NULL, NULL},
    {535, NULL, NULL},
    {538, NULL, NULL},
    {454, "7.0", NULL},
    {0, "7.8", NULL},   /* credentials invalid */
    {0, "7.9", NULL},   /* mechanism too weak */
    {0, "7.11", NULL},  /* encryption required */
    {0, "7.57", NULL},  /* Exchange: client was not authenticated */
    {0, "7.139", NULL}, /* Microsoft 365: authentication unsuccessful */
    {0, NULL, "authentication required"},
    {0, NULL, "authentication is required"},
    {0, NULL, "must authenticate"},
    {0, NULL, "need authentication"},
    {0, NULL, "auth command first"},
    {0, NULL, "smtp auth is required"},
    {0, NULL, "sender address rejected: not logged in"}, /* Postfix */
};

/* It may send no more for now, or not until its owner has talked to the provider. */
static const struct policy_reading policy_quota_readings[] = {
    {0, "4.5", "limit exceeded"},         /* Gmail: daily limits */
    {0, "4.5", "quota exceeded"},         /* Gmail, as it said formerly */
    {0, "1.90", NULL},                    /* Microsoft 365: daily limit of recipients */
    {0, "7.705", NULL},                   /* Microsoft 365: tenant over its threshold */
    {0, "7.708", NULL},                   /* Microsoft 365: no traffic from this address */
    {0, NULL, "submissionquotaexceeded"}, /* Exchange */
    {0, NULL, "throttling failure"},      /* Amazon SES */
    {0, NULL, "sending paused"},          /* Amazon SES */
    {0, NULL, "is not authorized to perform `ses"},
};

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
            (!r->status || strcmp(r->status, detail) == 0) &&
            (!r->phrase || policy_text_has(reply->text, r->phrase)))
            return true;
    }
    return false;
}

static bool policy_is_of_account(enum phase phase, const struct reply *reply)
{
    return policy_is_listed(policy_quota_readings, POLICY_COUNT(policy_quota_readings), reply) ||
           (phase < PHASE_CONTENT &&
            policy_is_listed(policy_login_readings, POLICY_COUNT(policy_login_readings), reply));
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
    case MISHAP_NO_STARTTLS:
    case MISHAP_NO_AUTH:
    case MISHAP_SECRET:
    case MISHAP_PLAIN_AUTH:
        return (struct verdict){OUTCOME_DEFERRED, BLAME_ACCOUNT};
    case MISHAP_TOO_LARGE:
        return (struct verdict){OUTCOME_ERROR, BLAME_MESSAGE};
    case MISHAP_NO_SMTPUTF8:
    case MISHAP_BAD_PATH:
        return (struct verdict){OUTCOME_ERROR,
                                phase == PHASE_RCPT ? BLAME_RECIPIENT : BLAME_MESSAGE};
    case MISHAP_LEASE_LOST:
        return (struct verdict){OUTCOME_DEFERRED, BLAME_NONE};
    }
    /* A connection that breaks once the dialogue is under way tells nothing about the account. */
    return (struct verdict){OUTCOME_DEFERRED, phase < PHASE_MAIL ? BLAME_ACCOUNT : BLAME_MESSAGE};
}

struct verdict policy_judge(enum phase phase, enum mishap mishap, const struct reply *reply)
{
    struct verdict ret = {OUTCOME_ERROR, phase == PHASE_RCPT ? BLAME_RECIPIENT : BLAME_MESSAGE};

    if (mishap != MISHAP_NONE)
        return policy_judge_mishap(phase, mishap);
    if (reply->code / 100 == 2 ? phase != PHASE_DATA : reply->code == 354 && phase == PHASE_DATA)
        return (struct verdict){OUTCOME_SENT, BLAME_NONE};
    if (phase < PHASE_MAIL)
        return (struct verdict){OUTCOME_DEFERRED, BLAME_ACCOUNT};
    if (reply->code < 500) /* or below 400: the relay has lost the thread */
        ret.outcome = OUTCOME_DEFERRED;
    if (policy_is_of_account(phase, reply))
        return (struct verdict){OUTCOME_DEFERRED, BLAME_ACCOUNT};
    if (phase == PHASE_RCPT && policy_is_full_transaction(reply))
        ret.outcome = OUTCOME_DEFERRED;
    return ret;
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
