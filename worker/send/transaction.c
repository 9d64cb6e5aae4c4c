/*
 * transaction.c - one mail transaction. See transaction.h.
 *
 * What was said and what was answered are counted apart, so that pipelining and lockstep are the
 * same code: lockstep says nothing while an answer is due, and nothing but what the state waits
 * for.
 */
#include "worker/send/transaction.h"

#include <assert.h>
#include <stdio.h>

#include "worker/send/envelope.h"

/* The phase is what policy.c calls it; times are those of RFC 5321 section 4.5.3.2. */
static const struct transaction_wait {
    enum phase phase;
    int32_t timeout_s;
    const char *what;
} transaction_waits[TRANSACTION_STATES] = {
    [TRANSACTION_NEW] = {PHASE_MAIL, 300, "the connection"},
    [TRANSACTION_RSET] = {PHASE_RSET, 300, "the reply to RSET"},
    [TRANSACTION_MAIL] = {PHASE_MAIL, 300, "the reply to MAIL"},
    [TRANSACTION_RCPT] = {PHASE_RCPT, 300, "the reply to RCPT"},
    [TRANSACTION_DATA] = {PHASE_DATA, 120, "the reply to DATA"},
    [TRANSACTION_CONTENT] = {PHASE_CONTENT, 180, "the relay to take the message"},
    [TRANSACTION_DOT] = {PHASE_DOT, 600, "the reply to the message"},
    [TRANSACTION_VOID] = {PHASE_DATA, 600, "the reply to an empty message"},
    [TRANSACTION_DONE] = {PHASE_MAIL, 300, "nothing"},
};

/* The one table of legal steps: [from][to]. */
static const bool transaction_may_follow[TRANSACTION_STATES][TRANSACTION_STATES] = {
    [TRANSACTION_NEW] =
        {[TRANSACTION_RSET] = true, [TRANSACTION_MAIL] = true, [TRANSACTION_DONE] = true},
    [TRANSACTION_RSET] = {[TRANSACTION_MAIL] = true, [TRANSACTION_DONE] = true},
    [TRANSACTION_MAIL] =
        {[TRANSACTION_RCPT] = true, [TRANSACTION_DATA] = true, [TRANSACTION_DONE] = true},
    [TRANSACTION_RCPT] = {[TRANSACTION_DATA] = true, [TRANSACTION_DONE] = true},
    [TRANSACTION_DATA] =
        {[TRANSACTION_CONTENT] = true, [TRANSACTION_VOID] = true, [TRANSACTION_DONE] = true},
    [TRANSACTION_CONTENT] = {[TRANSACTION_DOT] = true, [TRANSACTION_DONE] = true},
    [TRANSACTION_DOT] = {[TRANSACTION_DONE] = true},
    [TRANSACTION_VOID] = {[TRANSACTION_DONE] = true},
};

static void transaction_enter(struct transaction *t, enum transaction_state next)
{
    assert(transaction_may_follow[t->state][next]);
    t->state = next;
    if (next == TRANSACTION_DONE)
        transcript_conclude(t->transcript);
}

int32_t transaction_timeout_s(const struct transaction *t)
{
    return transaction_waits[t->state].timeout_s;
}

const char *transaction_waits_for(const struct transaction *t)
{
    return transaction_waits[t->state].what;
}

/* ---- before a word is said ---- */

/* Settle one address that must not, or cannot, go to this relay. */
static enum mishap transaction_check_path(const struct transaction *t, const char *path, bool ascii,
                                          struct reply *ret)
{
    if (!envelope_path_is_safe(path)) {
        reply_describe(ret, "the address holds a control character or a stray space");
        return MISHAP_BAD_PATH;
    }
    if (!t->ehlo->smtputf8 && (!ascii || !envelope_path_is_ascii(path))) {
        reply_describe(ret, "the address needs SMTPUTF8, which the relay does not offer");
        return MISHAP_NO_SMTPUTF8;
    }
    return MISHAP_NONE;
}

/* What the relay could only refuse. Returns false when nobody is left to send to. */
static bool transaction_check(struct transaction *t)
{
    const struct mail *mail = t->mail;
    struct reply reply;
    enum mishap mishap = transaction_check_path(t, mail->sender, mail->sender_ascii, &reply);
    size_t left = 0;

    if (mishap == MISHAP_NONE && t->ehlo->size_max && mail->data.len > t->ehlo->size_max) {
        char text[128];

        snprintf(text, sizeof(text),
                 "message of %zu octets is over the relay's limit of %llu octets", mail->data.len,
                 (unsigned long long)t->ehlo->size_max);
        reply_describe(&reply, text);
        mishap = MISHAP_TOO_LARGE;
    }
    if (mishap != MISHAP_NONE) {
        transcript_settle_rest(t->transcript, PHASE_MAIL, mishap, &reply);
        return false;
    }
    /* Fields that hold UTF-8 need it as well (RFC 6531 section 3.4), where it can be said. */
    t->smtputf8 = !mail->sender_ascii || !envelope_path_is_ascii(mail->sender) ||
                  (mail->has_8bit && t->ehlo->smtputf8);
    for (size_t i = 0; i < mail->recipient_count; i++) {
        const struct mail_recipient *r = &mail->recipients[i];

        mishap = transaction_check_path(t, r->address, r->ascii, &reply);
        if (mishap != MISHAP_NONE) {
            transcript_settle(t->transcript, i, PHASE_RCPT, mishap, &reply);
            continue;
        }
        if (!r->ascii || !envelope_path_is_ascii(r->address))
            t->smtputf8 = true;
        left++;
    }
    return left > 0;
}

/* The first recipient from `i` on that RCPT is said for. Those settled beforehand are passed over.
 */
static size_t transaction_skip_settled(const struct transaction *t, size_t i)
{
    while (i < t->transcript->recipient_count && t->transcript->recipients[i].settled)
        i++;
    return i;
}

void transaction_begin(struct transaction *t, const struct mail *mail,
                       struct transcript *transcript, const struct ehlo *ehlo, bool rset)
{
    *t = (struct transaction){.mail = mail, .transcript = transcript, .ehlo = ehlo, .dirty = rset};
    if (!transaction_check(t)) {
        transaction_enter(t, TRANSACTION_DONE);
        return;
    }
    t->rcpt_next = t->rcpt_due = transaction_skip_settled(t, 0);
    t->next = rset ? TRANSACTION_RSET : TRANSACTION_MAIL;
    t->dirty = true; /* until the message has been taken */
    transaction_enter(t, t->next);
}

/* ---- saying ---- */

static void transaction_say(struct transaction *t, struct buf *out)
{
    t->unanswered++;
    switch (t->next) {
    case TRANSACTION_RSET:
        buf_append_str(out, "RSET\r\n");
        t->next = TRANSACTION_MAIL;
        break;
    case TRANSACTION_MAIL:
        envelope_write_mail(out, t->mail, t->ehlo, t->smtputf8);
        t->next = TRANSACTION_RCPT;
        break;
    case TRANSACTION_RCPT:
        envelope_write_rcpt(out, t->mail, t->ehlo, t->rcpt_next);
        t->rcpts_unanswered++;
        t->rcpt_next = transaction_skip_settled(t, t->rcpt_next + 1);
        if (t->rcpt_next == t->transcript->recipient_count)
            t->next = TRANSACTION_DATA;
        break;
    default:
        buf_append_str(out, "DATA\r\n");
        t->data_said = true;
        t->next = TRANSACTION_CONTENT;
        break;
    }
}

void transaction_write(struct transaction *t, struct buf *out)
{
    if (t->state == TRANSACTION_CONTENT)
        content_write(&t->content, out, TRANSACTION_CHUNK_OCTETS);
    if (t->state == TRANSACTION_VOID && t->unanswered == 0) {
        buf_append_str(out, ".\r\n");
        t->unanswered++;
    }
    while (t->state < TRANSACTION_CONTENT && t->next < TRANSACTION_CONTENT && !t->refused &&
           out->len < TRANSACTION_CHUNK_OCTETS &&
           (t->ehlo->pipelining || (t->unanswered == 0 && t->next == t->state)))
        transaction_say(t, out);
}

bool transaction_holds_dot(const struct transaction *t)
{
    return t->state == TRANSACTION_CONTENT && t->content.ended;
}

void transaction_note_sent(struct transaction *t)
{
    if (!transaction_holds_dot(t))
        return;
    t->unanswered++;
    transaction_enter(t, TRANSACTION_DOT);
}

/* ---- hearing ---- */

bool transaction_is_farewell(const struct transaction *t, const struct reply *reply)
{
    return reply->code == 421 || t->unanswered == 0 ||
           (t->state == TRANSACTION_RSET && reply->code / 100 != 2);
}

/* MAIL or an RCPT was answered: wait for the next reply, say DATA, or end here. */
static void transaction_advance(struct transaction *t)
{
    bool all_said = t->next >= TRANSACTION_DATA || t->refused;
    enum transaction_state next = TRANSACTION_DONE;

    if (t->rcpts_unanswered || !all_said)
        next = TRANSACTION_RCPT;
    else if (t->data_said || t->accepted)
        next = TRANSACTION_DATA;
    if (next != t->state)
        transaction_enter(t, next);
}

static void transaction_take_rcpt(struct transaction *t, const struct reply *reply)
{
    t->rcpts_unanswered--;
    if (!t->refused) {
        if (policy_judge(PHASE_RCPT, MISHAP_NONE, reply).outcome == OUTCOME_SENT) {
            t->accepted++;
            t->transcript->proven = true;
        } else {
            transcript_settle(t->transcript, t->rcpt_due, PHASE_RCPT, MISHAP_NONE, reply);
        }
        t->rcpt_due = transaction_skip_settled(t, t->rcpt_due + 1);
    }
    transaction_advance(t);
}

static void transaction_take_data(struct transaction *t, const struct reply *reply)
{
    if (policy_judge(PHASE_DATA, MISHAP_NONE, reply).outcome != OUTCOME_SENT) {
        transcript_settle_rest(t->transcript, PHASE_DATA, MISHAP_NONE, reply);
        transaction_enter(t, TRANSACTION_DONE);
    } else if (t->accepted == 0) {
        transaction_enter(
            t, TRANSACTION_VOID); /* RFC 2920 section 3.1: a single dot, nobody gets it */
    } else {
        content_begin(&t->content, t->mail->data.data, t->mail->data.len);
        transaction_enter(t, TRANSACTION_CONTENT);
    }
}

void transaction_take_reply(struct transaction *t, const struct reply *reply)
{
    t->unanswered--;
    switch (t->state) {
    case TRANSACTION_RSET:
        transaction_enter(t, TRANSACTION_MAIL);
        break;
    case TRANSACTION_MAIL:
        if (policy_judge(PHASE_MAIL, MISHAP_NONE, reply).outcome != OUTCOME_SENT) {
            t->refused = true;
            transcript_settle_rest(t->transcript, PHASE_MAIL, MISHAP_NONE, reply);
        }
        transaction_advance(t);
        break;
    case TRANSACTION_RCPT:
        transaction_take_rcpt(t, reply);
        break;
    case TRANSACTION_DATA:
        transaction_take_data(t, reply);
        break;
    case TRANSACTION_DOT:
        t->dirty = reply->code / 100 != 2;
        transcript_settle_rest(t->transcript, PHASE_DOT, MISHAP_NONE, reply);
        transaction_enter(t, TRANSACTION_DONE);
        break;
    default: /* TRANSACTION_VOID: whatever it says, nobody was to get it */
        transaction_enter(t, TRANSACTION_DONE);
        break;
    }
}

void transaction_break(struct transaction *t, enum mishap mishap, const struct reply *reply)
{
    transcript_settle_rest(t->transcript, transaction_waits[t->state].phase, mishap, reply);
    transaction_enter(t, TRANSACTION_DONE);
}
