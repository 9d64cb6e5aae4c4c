#include "worker/send/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err transcript_new(const struct mail *mail, struct transcript **ret, struct error *err)
{
    struct transcript *t = calloc(1, sizeof(*t));

    if (!t)
        goto out;
    t->recipients = calloc(mail->recipient_count + 1, sizeof(*t->recipients));
    if (!t->recipients)
        goto out;
    for (; t->recipient_count < mail->recipient_count; t->recipient_count++) {
        struct transcript_recipient *r = &t->recipients[t->recipient_count];

        r->address = strdup(mail->recipients[t->recipient_count].address);
        if (!r->address)
            goto out;
    }
    *ret = t;
    return ERR_OK;
out:
    transcript_free(t);
    return error_set(err, ERR_NOMEM, "out of memory for a transcript");
}

void transcript_free(struct transcript *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->recipient_count; i++)
        free(t->recipients[i].address);
    free(t->recipients);
    free(t);
}

void transcript_reset(struct transcript *t)
{
    for (size_t i = 0; i < t->recipient_count; i++)
        t->recipients[i] = (struct transcript_recipient){.address = t->recipients[i].address};
    *t = (struct transcript){.recipients = t->recipients, .recipient_count = t->recipient_count};
}

void transcript_settle(struct transcript *t, size_t recipient, enum phase phase, enum mishap mishap,
                       const struct reply *reply)
{
    struct transcript_recipient *r = &t->recipients[recipient];

    r->verdict = policy_judge(phase, mishap, reply);
    r->phase = phase;
    r->reply = *reply;
    r->settled = true;
}

void transcript_settle_rest(struct transcript *t, enum phase phase, enum mishap mishap,
                            const struct reply *reply)
{
    for (size_t i = 0; i < t->recipient_count; i++)
        if (!t->recipients[i].settled)
            transcript_settle(t, i, phase, mishap, reply);
}

/* What was taken for the account's fault, before the relay was known to serve it. */
static void transcript_acquit_account(struct transcript *t)
{
    for (size_t i = 0; i < t->recipient_count; i++) {
        struct transcript_recipient *r = &t->recipients[i];

        if (r->phase == PHASE_RCPT && r->verdict.blame == BLAME_ACCOUNT)
            r->verdict = policy_judge_again(r->phase, &r->reply);
    }
}

void transcript_conclude(struct transcript *t)
{
    static const enum outcome strongest_first[] = {OUTCOME_DEFERRED, OUTCOME_SENT, OUTCOME_ERROR};

    if (t->proven)
        transcript_acquit_account(t);
    t->verdict = (struct verdict){OUTCOME_ERROR, BLAME_MESSAGE};
    t->phase = PHASE_MAIL;
    snprintf(t->reply.text, sizeof(t->reply.text), "no recipients");
    for (size_t s = 0; s < sizeof(strongest_first) / sizeof(strongest_first[0]); s++) {
        for (size_t i = 0; i < t->recipient_count; i++) {
            const struct transcript_recipient *r = &t->recipients[i];

            if (r->verdict.outcome != strongest_first[s])
                continue;
            t->verdict = r->verdict;
            t->phase = r->phase;
            t->reply = r->reply;
            return;
        }
    }
}

void transcript_copy_verdict(struct transcript *t, const struct transcript *of)
{
    for (size_t i = 0; i < t->recipient_count; i++) {
        struct transcript_recipient *r = &t->recipients[i];

        r->verdict = of->verdict;
        r->phase = of->phase;
        r->reply = of->reply;
        r->settled = true;
    }
    transcript_conclude(t);
    t->connect_ms = of->connect_ms;
}

bool transcript_is_void(const struct transcript *t)
{
    return t->verdict.outcome == OUTCOME_DEFERRED && t->verdict.blame == BLAME_NONE;
}
