/*
 * delivery_log.c - the one line per attempt in the log. See delivery_log.h.
 */
#include "worker/record/delivery_log.h"

#include <stdio.h>

#include "common/log.h"

void delivery_log_write(const struct attempt *a)
{
    const struct claim *claim = a->claim;
    char delays[96];
    struct log_line l;

    log_begin(&l, LOG_INFO, "record", "attempt");
    log_str(&l, "tenant", claim->account->tenant_id);
    log_str(&l, "message", claim->message_id);
    log_str(&l, "account", claim->account->account_id);
    log_int(&l, "attempt", claim->attempt);
    log_int(&l, "rcpts", a->recipient_count);
    snprintf(delays, sizeof(delays), "%lld/%lld/%lld/%lld", (long long)claim->queue_ms,
             (long long)a->compose_ms, (long long)a->connect_ms, (long long)a->send_ms);
    log_str(&l, "delays_ms", delays);
    if (a->reply.status[0])
        log_str(&l, "status", a->reply.status);
    log_str(&l, "outcome", policy_outcome_name(a->outcome));
    if (a->outcome != OUTCOME_SENT) {
        log_str(&l, "blame", policy_blame_name(a->blame));
        log_str(&l, "phase", a->composed ? policy_phase_name(a->phase) : "compose");
    }
    if (a->outcome == OUTCOME_DEFERRED)
        log_int(&l, "retry_in_s", a->retry_after_s);
    if (a->reply.code)
        log_int(&l, "code", a->reply.code);
    log_str(&l, "reply", a->reply.text);
    log_end(&l);
}
