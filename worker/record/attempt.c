/*
 * attempt.c - what one claim came to. See attempt.h.
 */
#include "worker/record/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "worker/record/retry.h"
#include "worker/record/settled.h"

enum { ATTEMPT_REASON_OCTETS_MAX = 2048, ATTEMPT_ENDED_OCTETS = 64 };

void attempt_clear(struct attempt *attempt)
{
    free(attempt->reason);
    cJSON_free(attempt->recipients);
    cJSON_free(attempt->settled);
    cJSON_free(attempt->metadata);
    *attempt = (struct attempt){0};
}

static enum err attempt_nomem(struct error *err)
{
    return error_set(err, ERR_NOMEM, "out of memory for an attempt's record");
}

/* What follows when this attempt is deferred. */
struct attempt_next {
    int64_t delay_s;                  /* RETRY_NONE: nothing, it is an error */
    bool probe;                       /* uses up no retry */
    char ended[ATTEMPT_ENDED_OCTETS]; /* what the error's reason begins with */
};

/*
 * An account's gate that is opened ahead of time (run-now comes with every batch some clients post)
 * lets messages be tried before they are due: if the account is still at fault, that try was a
 * probe of the account and uses up no retry, else a short outage of a relay would end in errors.
 */
static struct attempt_next attempt_plan(const struct claim *claim, const struct transcript *t,
                                        double jitter)
{
    struct attempt_next next = {0};

    next.probe = claim->early_ms > 0 && t->verdict.outcome == OUTCOME_DEFERRED &&
                 t->verdict.blame == BLAME_ACCOUNT;
    next.delay_s = next.probe ? (claim->early_ms + 999) / 1000
                              : retry_delay_s(&claim->retry_delays, claim->retries, jitter);
    if (next.delay_s == RETRY_NONE) {
        snprintf(next.ended, sizeof(next.ended),
                 "Max retries (%lu) exceeded: ", (unsigned long)claim->retry_delays.count);
    } else if (retry_is_over(claim->retry_max_age_s, claim->failing_s)) {
        snprintf(next.ended, sizeof(next.ended),
                 "Max age (%lld s) exceeded: ", (long long)claim->retry_max_age_s);
        next.delay_s = RETRY_NONE;
    }
    return next;
}

/* "[ended]5.1.1 no such user (SMTP 550)"; owned; NULL: out of memory. */
static char *attempt_reason(const struct reply *reply, const char *ended)
{
    struct buf out = BUF_INIT(ATTEMPT_REASON_OCTETS_MAX);

    buf_append_str(&out, ended);
    if (reply->status[0])
        buf_printf(&out, "%s ", reply->status);
    buf_append_str(&out, reply->text);
    if (reply->code)
        buf_printf(&out, "%s(SMTP %d)", reply->text[0] ? " " : "", reply->code);
    if (!out.len)
        buf_append_str(&out, "unknown reason");
    return buf_take(&out, NULL);
}

static enum err attempt_add_settled(cJSON *list, const struct transcript_recipient *r,
                                    enum outcome outcome, const char *ended, struct error *err)
{
    char *reason = outcome == OUTCOME_ERROR ? attempt_reason(&r->reply, ended) : NULL;
    bool ok = (outcome != OUTCOME_ERROR || reason) &&
              settled_add(list, r->address, outcome, outcome == OUTCOME_ERROR ? r->reply.code : 0,
                          reason);

    free(reason);
    return ok ? ERR_OK : attempt_nomem(err);
}

/* Per-recipient results, when they are not all the same. */
static enum err attempt_list_recipients(const struct transcript *t, char **ret, struct error *err)
{
    cJSON *list = NULL;
    enum err rc = ERR_OK;
    bool mixed = false;

    for (size_t i = 0; i < t->recipient_count; i++)
        mixed |= t->recipients[i].verdict.outcome != t->verdict.outcome;
    if (!mixed)
        return ERR_OK;
    list = cJSON_CreateArray();
    if (!list)
        return attempt_nomem(err);
    for (size_t i = 0; i < t->recipient_count && !rc; i++) {
        const struct transcript_recipient *r = &t->recipients[i];
        char *reason = attempt_reason(&r->reply, "");

        if (!reason || !settled_add(list, r->address, r->verdict.outcome, r->reply.code, reason))
            rc = attempt_nomem(err);
        free(reason);
    }
    if (!rc && !(*ret = cJSON_PrintUnformatted(list)))
        rc = attempt_nomem(err);
    cJSON_Delete(list);
    return rc;
}

/* Settle what this attempt settled; *ret_pending: recipients that are still to be tried. */
static enum err attempt_settle(const struct transcript *t, const struct attempt_next *next,
                               cJSON *list, uint32_t *ret_pending, struct error *err)
{
    uint32_t pending = 0;

    for (size_t i = 0; i < t->recipient_count; i++) {
        const struct transcript_recipient *r = &t->recipients[i];
        bool given_up = next->delay_s == RETRY_NONE && r->verdict.outcome == OUTCOME_DEFERRED;
        enum outcome outcome = given_up ? OUTCOME_ERROR : r->verdict.outcome;
        enum err rc;

        if (outcome == OUTCOME_DEFERRED) {
            pending++;
            continue;
        }
        rc = attempt_add_settled(list, r, outcome, given_up ? next->ended : "", err);
        if (rc)
            return rc;
    }
    *ret_pending = pending;
    return ERR_OK;
}

static enum err attempt_print_settled(const cJSON *list, struct attempt *a, struct error *err)
{
    uint32_t sent = settled_count(list, OUTCOME_SENT);
    uint32_t refused = settled_count(list, OUTCOME_ERROR);

    if (a->outcome == OUTCOME_DEFERRED ? !(sent + refused) : !(sent && refused))
        return ERR_OK; /* nobody is settled apart from the whole */
    a->settled = cJSON_PrintUnformatted(list);
    if (a->outcome == OUTCOME_SENT)
        a->metadata = settled_print_refused(list);
    return a->settled && (a->outcome != OUTCOME_SENT || a->metadata) ? ERR_OK : attempt_nomem(err);
}

/* Nothing but a refusal of the final dot is certain to leave the relay without the message. */
static bool attempt_was_taken(const struct transcript *t)
{
    for (size_t i = 0; i < t->recipient_count; i++) {
        const struct transcript_recipient *r = &t->recipients[i];

        if (r->verdict.outcome == OUTCOME_SENT || (r->phase == PHASE_DOT && r->reply.code < 400))
            return true;
    }
    return false;
}

enum err attempt_from_transcript(const struct claim *claim, const struct transcript *t,
                                 double jitter, struct attempt *ret, struct error *err)
{
    struct attempt a = {.claim = claim,
                        .composed = true,
                        .phase = t->phase,
                        .reply = t->reply,
                        .retries = claim->retries};
    struct attempt_next next = attempt_plan(claim, t, jitter);
    cJSON *list = settled_parse(claim->settled);
    uint32_t pending = 0;
    enum err rc;

    if (!list)
        return attempt_nomem(err);
    a.blame = t->verdict.blame;
    a.taken = attempt_was_taken(t);
    a.connect_ms = t->connect_ms;
    a.send_ms = t->send_ms;
    a.recipient_count = (uint32_t)t->recipient_count;
    rc = attempt_settle(t, &next, list, &pending, err);
    if (rc)
        goto out;
    if (pending) {
        a.outcome = OUTCOME_DEFERRED;
        a.retry_after_s = next.delay_s;
        a.retries += !next.probe;
    } else {
        a.outcome = settled_count(list, OUTCOME_SENT) ? OUTCOME_SENT : OUTCOME_ERROR;
    }
    if (a.outcome != OUTCOME_SENT) {
        bool given_up = next.delay_s == RETRY_NONE && t->verdict.outcome == OUTCOME_DEFERRED;

        a.reason = attempt_reason(&t->reply, given_up ? next.ended : "");
        rc = a.reason ? ERR_OK : attempt_nomem(err);
    }
    if (!rc)
        rc = attempt_list_recipients(t, &a.recipients, err);
    if (!rc)
        rc = attempt_print_settled(list, &a, err);
    if (rc)
        goto out;
    *ret = a;
    a = (struct attempt){0}; /* owned by the caller now */
out:
    attempt_clear(&a);
    cJSON_Delete(list);
    return rc;
}

enum err attempt_from_compose(const struct claim *claim, bool temporary, const char *reason,
                              double jitter, struct attempt *ret, struct error *err)
{
    struct attempt a = {.claim = claim,
                        .outcome = OUTCOME_ERROR,
                        .blame = BLAME_MESSAGE,
                        .retries = claim->retries};
    int64_t delay = retry_delay_s(&claim->retry_delays, claim->retries, jitter);

    if (temporary && delay != RETRY_NONE &&
        !retry_is_over(claim->retry_max_age_s, claim->failing_s)) {
        a.outcome = OUTCOME_DEFERRED;
        a.retry_after_s = delay;
        a.retries++;
    }
    a.reason = strdup(reason);
    /* Recipients who have the message already keep it sent: what fails now concerns the others
     * alone. */
    a.settled = claim->settled ? strdup(claim->settled) : NULL;
    if (!a.reason || (claim->settled && !a.settled)) {
        attempt_clear(&a);
        return attempt_nomem(err);
    }
    snprintf(a.reply.text, sizeof(a.reply.text), "%s", reason);
    *ret = a;
    return ERR_OK;
}
