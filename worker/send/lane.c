#include "worker/send/lane.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static int lane_compare(const void *a, const void *b)
{
    const struct lane *left = a, *right = b;
    int order = strcmp(left->tenant_id, right->tenant_id);

    return order ? order : strcmp(left->account_id, right->account_id);
}

static struct lane *lane_new(const struct claim_account *account)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (!lane)
        return NULL;
    lane->tenant_id = strdup(account->tenant_id);
    lane->account_id = strdup(account->account_id);
    if (!lane->tenant_id || !lane->account_id) {
        free(lane->tenant_id);
        free(lane->account_id);
        free(lane);
        return NULL;
    }
    TAILQ_INIT(&lane->waiting);
    TAILQ_INIT(&lane->connections);
    TAILQ_INIT(&lane->idle);
    return lane;
}

struct lane *lane_look_up(void *const *tree, const char *tenant_id, const char *account_id)
{
    struct lane key = {.tenant_id = (char *)tenant_id, .account_id = (char *)account_id};
    struct lane **found = tfind(&key, tree, lane_compare);

    return found ? *found : NULL;
}

struct lane *lane_find(void **tree, struct lanes *lanes, const struct claim_account *account)
{
    struct lane *lane = lane_look_up(tree, account->tenant_id, account->account_id);

    if (lane)
        return lane;
    lane = lane_new(account);
    if (!lane)
        return NULL;
    TAILQ_INSERT_TAIL(lanes, lane, link);
    if (!tsearch(lane, tree, lane_compare)) {
        lane_free(tree, lanes, lane);
        return NULL;
    }
    return lane;
}

uint32_t lane_connections_max(const struct lane *lane, uint32_t allowed, int64_t now_ms)
{
    uint32_t max = allowed;

    if (!lane->proven) {
        /* One to try it; those of before it was changed, which may not end for long, are extra. */
        const struct lane_connection *c;
        uint32_t few = 1;

        TAILQ_FOREACH(c, &lane->connections, link)
        few += c->version < lane->version;
        max = few < max ? few : max;
    }
    if (lane->limit && lane->limit < max && now_ms < lane->limit_until_ms)
        max = lane->limit;
    return max;
}

void lane_free(void **tree, struct lanes *lanes, struct lane *lane)
{
    tdelete(lane, tree, lane_compare);
    TAILQ_REMOVE(lanes, lane, link);
    free(lane->tenant_id);
    free(lane->account_id);
    free(lane);
}

void lane_push_mail(struct lanes *hungry, struct lane *lane, struct lane_mail *m, bool in_front)
{
    struct lane_mail *before = in_front ? NULL : TAILQ_LAST(&lane->waiting, lane_mails);
    int64_t now_ms = clock_mono_ms();
    int32_t priority = claim_priority(m->claim, now_ms);

    if (lane->waiting_count++ == 0)
        TAILQ_INSERT_TAIL(hungry, lane, hungry_link);
    while (before && claim_priority(before->claim, now_ms) > priority)
        before = TAILQ_PREV(before, lane_mails, link);
    if (before)
        TAILQ_INSERT_AFTER(&lane->waiting, before, m, link);
    else
        TAILQ_INSERT_HEAD(&lane->waiting, m, link);
}

void lane_remove_mail(struct lanes *hungry, struct lane *lane, struct lane_mail *m)
{
    TAILQ_REMOVE(&lane->waiting, m, link);
    if (--lane->waiting_count == 0)
        TAILQ_REMOVE(hungry, lane, hungry_link);
}

struct lane_mail *lane_pop_mail(struct lanes *hungry, struct lane *lane)
{
    struct lane_mail *m = TAILQ_FIRST(&lane->waiting);

    lane_remove_mail(hungry, lane, m);
    return m;
}

void lane_fail_waiting(struct lanes *hungry, struct lane *lane, const struct transcript *failed,
                       struct lane_mails *ret)
{
    while (lane->waiting_count) {
        struct lane_mail *m = lane_pop_mail(hungry, lane);

        transcript_copy_verdict(m->transcript, failed);
        TAILQ_INSERT_TAIL(ret, m, link);
    }
}

enum err lane_mail_new(const struct claim *claim, const struct mail *mail, send_done_fn *done,
                       void *arg, struct lane_mail **ret, struct error *err)
{
    struct lane_mail *m = calloc(1, sizeof(*m));
    enum err rc;

    if (!m)
        return error_set(err, ERR_NOMEM, "out of memory for a mail");
    rc = transcript_new(mail, &m->transcript, err);
    if (rc) {
        free(m);
        return rc;
    }
    m->claim = claim;
    m->mail = mail;
    m->done = done;
    m->arg = arg;
    *ret = m;
    return ERR_OK;
}

void lane_mail_free(struct lane_mail *m)
{
    if (!m)
        return;
    transcript_free(m->transcript);
    free(m);
}

void lane_mail_void(struct lane_mail *m)
{
    const struct transcript none = {.verdict = policy_judge(PHASE_MAIL, MISHAP_LEASE_LOST, NULL),
                                    .phase = PHASE_MAIL};

    transcript_copy_verdict(m->transcript, &none);
}

void lane_finish_mail(struct lane_mail *m)
{
    send_done_fn *done = m->done;
    void *arg = m->arg;
    struct transcript *transcript = m->transcript;

    m->transcript = NULL;
    lane_mail_free(m);
    done(arg, transcript);
}

void lane_finish_mails(struct lane_mails *mails)
{
    struct lane_mail *m;

    while ((m = TAILQ_FIRST(mails))) {
        TAILQ_REMOVE(mails, m, link);
        lane_finish_mail(m);
    }
}
