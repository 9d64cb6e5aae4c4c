/*
 * suspension.c - ask whether anything was suspended. See suspension.h.
 */
#include "worker/claim/suspension.h"

#include <stdlib.h>

#include "common/log.h"
#include "sql/statements.h"

enum { SUSPENSION_POLL_MS = 500, SUSPENSION_UNKNOWN = -1 };

struct suspension {
    struct event_loop *loop;
    struct db_async *db;
    suspension_fn *fn;
    void *arg;
    int64_t epoch;
    int64_t seq;   /* what was seen so far was acted upon; SUSPENSION_UNKNOWN: nothing was */
    int64_t asked; /* the number that is being acted upon */
    bool asking;
    bool again; /* woken while asking */
    struct event_timer poll;
};

static void suspension_ask(void *arg);

/* The next question, after the answer to one. */
static void suspension_rest(struct suspension *s, bool answered)
{
    int64_t delay_ms = s->again && answered ? 0 : SUSPENSION_POLL_MS;

    s->asking = false;
    if (s->epoch)
        event_timer_start(s->loop, &s->poll, delay_ms, suspension_ask, s);
}

static void suspension_failed(struct suspension *s, enum err rc, const struct error *err)
{
    if (rc != ERR_DB_GONE) /* the connection's state is logged where it changes */
        log_error(LOG_WARN, "claim", "suspension_unknown", err);
    suspension_rest(s, false);
}

static void suspension_listed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct suspension *s = arg;
    size_t count = rc ? 0 : (size_t)PQntuples(res);
    int64_t *tokens = NULL;
    struct error problem;

    if (count) {
        tokens = calloc(count, sizeof(*tokens));
        if (!tokens)
            rc = error_set(&problem, ERR_NOMEM, "out of memory for %zu lease tokens", count);
        err = tokens ? err : &problem;
    }
    if (rc) {
        suspension_failed(s, rc, err);
        return;
    }
    s->seq = s->asked;
    for (size_t i = 0; i < count; i++)
        tokens[i] = db_int(res, (int)i, 0);
    if (count && s->epoch)
        s->fn(s->arg, tokens, count);
    free(tokens);
    suspension_rest(s, true);
}

static void suspension_seen(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct suspension *s = arg;
    struct db_params params = {0};
    struct error problem;

    if (rc) {
        suspension_failed(s, rc, err);
        return;
    }
    s->asked = db_int(res, 0, 0);
    if (s->asked == s->seq || !s->epoch) {
        suspension_rest(s, true);
        return;
    }
    db_param_int(&params, s->epoch);
    rc = db_async_run(s->db, &SQL_LIST_SUSPENDED_LEASES, &params, suspension_listed, s, &problem);
    if (rc)
        suspension_failed(s, rc, &problem);
}

static void suspension_ask(void *arg)
{
    struct suspension *s = arg;
    struct db_params none = {0};
    struct error err;
    enum err rc;

    s->asking = true;
    s->again = false;
    rc = db_async_run(s->db, &SQL_READ_SUSPENSION, &none, suspension_seen, s, &err);
    if (rc)
        suspension_failed(s, rc, &err);
}

void suspension_set_epoch(struct suspension *s, int64_t epoch)
{
    s->epoch = epoch;
    s->seq = SUSPENSION_UNKNOWN;
    event_timer_stop(s->loop, &s->poll);
    if (epoch)
        suspension_wake(s);
}

void suspension_wake(struct suspension *s)
{
    s->again = true;
    if (s->epoch && !s->asking)
        event_timer_start(s->loop, &s->poll, 0, suspension_ask, s);
}

enum err suspension_new(struct event_loop *loop, struct db_async *db, suspension_fn *fn, void *arg,
                        struct suspension **ret, struct error *err)
{
    struct suspension *s = calloc(1, sizeof(*s));

    if (!s)
        return error_set(err, ERR_NOMEM, "out of memory to watch suspensions");
    s->loop = loop;
    s->db = db;
    s->fn = fn;
    s->arg = arg;
    *ret = s;
    return ERR_OK;
}

void suspension_free(struct suspension *s)
{
    if (!s)
        return;
    event_timer_stop(s->loop, &s->poll);
    free(s);
}
