/*
 * attempt.h - what one claim came to, ready to be recorded.
 *
 * Turns a transcript (or a failure to compose) into the message's next state: sent, deferred until
 * a time, or error for good. Pure: the same input gives the same record.
 */
#ifndef WORKER_RECORD_ATTEMPT_H
#define WORKER_RECORD_ATTEMPT_H

#include "worker/claim/claim.h"
#include "worker/send/transcript.h"

struct attempt {
    const struct claim *claim; /* borrowed until recorded */
    enum outcome outcome;
    enum blame blame;
    bool taken;    /* the relay has the message, or may have: it counts against rate limits */
    bool composed; /* false: it never came to a dialogue, and phase says nothing */
    enum phase phase;
    int64_t retry_after_s; /* when deferred */
    int32_t retries;       /* entries of the schedule used up, this one included */
    struct reply reply;    /* the deciding one; code 0: none, text says what happened */
    char *reason;          /* owned; as the tenant reads it; NULL when sent */
    char *recipients; /* owned JSON for the attempt; NULL when all recipients shared the outcome */
    char *settled;  /* owned JSON for the message; NULL when no recipient is settled apart from the
                       whole */
    char *metadata; /* owned JSON for the event; NULL: none */
    uint32_t recipient_count;
    int64_t compose_ms, connect_ms, send_ms;
};

void attempt_clear(struct attempt *attempt);

/* `jitter` as in retry.h. ERR_NOMEM. */
enum err attempt_from_transcript(const struct claim *claim, const struct transcript *transcript,
                                 double jitter, struct attempt *ret, struct error *err) MUST_CHECK;
/* The message could not be composed; `temporary`: worth another try on the schedule. */
enum err attempt_from_compose(const struct claim *claim, bool temporary, const char *reason,
                              double jitter, struct attempt *ret, struct error *err) MUST_CHECK;

#endif
