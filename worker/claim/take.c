/*
 * take.c - when to claim, and how much. See take.h.
 */
#include "worker/claim/take.h"

#include <stdlib.h>

#include "common/db_array.h"
#include "common/log.h"
#include "sql/statements.h"
#include "worker/claim/held.h"
#include "worker/claim/mark.h"
#include "worker/claim/told.h"

enum {
    TAKE_HELD_PER_CONNECTION =
        4,                /* enough to keep a connection busy while the next claim is on its way */
    TAKE_POLL_MS = 1000,  /* NOTIFY is a hint that may be lost */
    TAKE_COALESCE_MS = 2, /* a relay's replies come in bursts: claim for all of them at once */
    TAKE_LINGER_MS = 20,  /* an account that still has plenty: a claim is worth more */
    TAKE_LINGER_LONG_MS = 40,
    TAKE_FAILED_MS = 50,     /* an account's failure is recorded first, see BATCH_DELAY_MS */
    TAKE_ACCOUNTS = 16,      /* a claim's turn: LIMIT in claim_messages */
    TAKE_RECOVER_POLLS = 60, /* a claim or return may have been lost on the way */
    TAKE_UNSURE_POLLS = 5, /* it was, and its backend may not have ended yet: look again so soon */
    TAKE_RETRY_MS = 500,
    /* Everything is looked at, not only from the accounts' fronts on, so often, or less often where
     * that takes more than a tenth of the time, down to the second of these. */
    TAKE_EVERYTHING_LEAST_MS = 200,
    TAKE_EVERYTHING_MOST_MS = 5000,
    TAKE_EVERYTHING_SHARE = 10,
};

struct taker {
    struct event_loop *loop;
    struct db_async *db;
    const struct config *config;
    struct take_calls calls;
    int64_t epoch;
    uint32_t held, held_max;
    uint32_t
        deep_reserve; /* of held_max: not shared among accounts of which more than few are held */
    uint32_t trial_reserve; /* of held_max, for accounts that are proven */
    struct held accounts;
    bool asking, again;
    bool kept_back; /* by the last claim, for want of room */
    /* The last claim took all there was, but for full accounts; nothing has happened since. */
    bool dry;
    uint32_t claim;          /* number of the last claim */
    uint32_t claim_accounts; /* it gave messages of */
    uint32_t claim_max;      /* it might give at most so many messages */
    bool everything;         /* the last claim looked at everything */
    int64_t everything_ms;   /* when the next one does */
    uint32_t polls_left;     /* until leases of unknown tokens are looked for */
    struct event_timer poll, soon;
    struct db_array returned_pks, returned_tokens; /* to be handed back at the turn's end */
};

/* Count one more; without memory for the count the claim still goes ahead, over one connection. */
static struct held_account *take_hold(struct taker *taker, const struct claim *claim)
{
    const struct claim_account *of = claim->account;
    struct held_account *account = held_find(&taker->accounts, of->tenant_id, of->account_id);

    taker->held++;
    if (!account)
        account = held_add(&taker->accounts, of->tenant_id, of->account_id);
    if (!account)
        return NULL;
    if (of->version > account->version) {
        account->version = of->version;
        account->proven = account->told_proven = of->proven;
    }
    if (account->claim != taker->claim)
        taker->claim_accounts++;
    account->claim = taker->claim;
    account->connections = of->connections;
    account->count++;
    account->told++;
    return account;
}

/* Was it claimed in the belief that its relay lets us in, which has turned out to be wrong
 * meanwhile? */
static bool take_is_too_much(const struct held_account *account)
{
    return account && account->told_proven && !account->proven &&
           account->count - account->aside > TAKE_FEW;
}

/* ---- claiming ---- */

static void take_run(struct taker *taker);
static void take_recover(struct taker *taker);
static void take_recover_timer(void *arg);

static void take_run_timer(void *arg)
{
    take_run(arg);
}

static void take_recovered(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct taker *taker = arg;
    struct log_line l;

    taker->asking = false;
    if (rc) {
        log_error(LOG_WARN, "claim", "recover_failed", err);
        event_timer_start(taker->loop, &taker->soon, TAKE_RETRY_MS, take_recover_timer, taker);
        return;
    }
    if (db_int(res, 0, 0)) {
        log_begin(&l, LOG_WARN, "claim", "recovered");
        log_int(&l, "messages", db_int(res, 0, 0));
        log_str(&l, "note", "the answer to their claim was lost; they are claimed again");
        log_end(&l);
    }
    take_wake(taker);
}

/* A claim may have taken effect although its answer was lost; what it leased would stay ours for
 * ever. */
static void take_recover(struct taker *taker)
{
    struct db_params params = {0};
    struct db_array tokens = db_array_of(DB_INT8);
    struct error err;

    taker->polls_left = TAKE_UNSURE_POLLS;
    taker->calls.list_tokens(taker->calls.arg, &tokens);
    db_param_int(&params, taker->epoch);
    db_param_array(&params, &tokens);
    taker->asking = true; /* no claim before this: its tokens would be unknown here */
    if (db_array_check(&tokens, &err) ||
        db_async_run(taker->db, &SQL_RECOVER_LEASES, &params, take_recovered, taker, &err)) {
        log_error(LOG_WARN, "claim", "recover_failed", &err);
        taker->asking = false;
        event_timer_start(taker->loop, &taker->soon, TAKE_RETRY_MS, take_recover_timer, taker);
    }
    db_array_clear(&tokens);
}

static void take_recover_timer(void *arg)
{
    take_recover(arg);
}

static void take_run_within(struct taker *taker, int64_t delay_ms)
{
    if (!taker->soon.at || taker->soon.due_ms > event_loop_now_ms(taker->loop) + delay_ms)
        event_timer_start(taker->loop, &taker->soon, delay_ms, take_run_timer, taker);
}

static void take_look_again(struct taker *taker, int64_t took_ms)
{
    int64_t pause_ms = took_ms * TAKE_EVERYTHING_SHARE;

    if (pause_ms < TAKE_EVERYTHING_LEAST_MS)
        pause_ms = TAKE_EVERYTHING_LEAST_MS;
    if (pause_ms > TAKE_EVERYTHING_MOST_MS)
        pause_ms = TAKE_EVERYTHING_MOST_MS;
    taker->everything_ms = event_loop_now_ms(taker->loop) + pause_ms;
}

/* What came back, or was stored late, may lie before its account's front. */
static void take_plan_look(struct taker *taker, const struct claim_outlook *outlook)
{
    int64_t left_ms = taker->everything_ms - event_loop_now_ms(taker->loop);

    if (taker->everything)
        take_look_again(taker, outlook->took_ms);
    else if (outlook->passed && taker->dry)
        take_run_within(taker, left_ms > 0 ? left_ms : 0);
}

static void take_log_rejected(int64_t messages)
{
    struct log_line l;

    log_begin(&l, LOG_INFO, "claim", "rate_limit_exceeded");
    log_int(&l, "messages", messages);
    log_str(&l, "note", "their accounts' limit_behavior is reject: they are errors now");
    log_end(&l);
}

static void take_claimed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct taker *taker = arg;
    struct claim_outlook outlook;
    bool lost = false;

    taker->claim++;
    taker->claim_accounts = 0;

    taker->asking = false;
    if (rc) {
        log_error(LOG_WARN, "claim", "claim_failed", err);
        if (taker->everything)
            take_look_again(taker, TAKE_EVERYTHING_MOST_MS); /* a time limit may have ended it */
        take_recover(taker);
        return;
    }
    outlook = claim_read_outlook(res);
    for (int row = 0; row < outlook.claims; row++) {
        struct claim *claim = NULL;
        struct error problem;

        if (claim_read_row(res, row, taker->config, &claim, &problem)) {
            log_error(LOG_ERROR, "claim", "row_lost", &problem);
            lost = true;
            continue;
        }
        claim->claimed_mono_ms = event_loop_now_ms(taker->loop);
        if (take_is_too_much(take_hold(taker, claim)))
            take_return(taker, claim);
        else
            taker->calls.got(taker->calls.arg, claim);
    }
    taker->dry = taker->claim_accounts < TAKE_ACCOUNTS &&
                 (uint32_t)outlook.claims < taker->claim_max && !taker->again &&
                 outlook.again_ms != 0;
    taker->kept_back = outlook.kept_back;
    if (outlook.rejected)
        take_log_rejected(outlook.rejected);
    take_plan_look(taker, &outlook);
    if (lost)
        take_recover(taker);
    else if (!taker->dry)
        take_run(taker);
    else if (outlook.again_ms > 0 && outlook.again_ms < TAKE_POLL_MS)
        take_run_within(taker, outlook.again_ms);
}

/* Also a worker that can take no more tells which connections it can do without. */
static void take_ask(struct taker *taker)
{
    struct told told = told_list(&taker->accounts, &taker->calls, taker->held >= taker->held_max,
                                 taker->held_max / 2);
    const struct mark *seen = taker->calls.seen(taker->calls.arg);
    struct db_params params = {0};
    struct error err;
    int32_t trials;

    db_param_int(&params, taker->epoch);
    db_param_array(&params, &told.tenants);
    db_param_array(&params, &told.accounts);
    db_param_array(&params, &told.counts);
    db_param_int(&params, taker->config->batch_size_per_account);
    taker->claim_max = taker->held < taker->held_max ? taker->held_max - taker->held : 0;
    trials = (int32_t)taker->claim_max - (int32_t)taker->trial_reserve;
    db_param_int(&params, taker->claim_max);
    db_param_int(&params, TAKE_INLINE_OCTETS);
    db_param_array(&params, &told.connections);
    db_param_int(&params, taker->config->max_connections_per_account);
    db_param_array(&params, &told.few);
    db_param_array(&params, &told.versions);
    db_param_int(&params, told.unproven < trials ? told.unproven : trials);
    db_param_int(&params, taker->deep_reserve);
    db_param_int(&params, seen->started_us);
    db_param_int(&params, seen->heartbeat_us);
    taker->everything =
        taker->claim_max > 0 && event_loop_now_ms(taker->loop) >= taker->everything_ms;
    db_param_bool(&params, taker->everything);
    taker->again = false;
    if (told_check(&told, &err) ||
        db_async_run(taker->db, &SQL_CLAIM_MESSAGES, &params, take_claimed, taker, &err))
        log_error(LOG_WARN, "claim", "claim_failed", &err); /* the poll tries again */
    else
        taker->asking = true;
    told_clear(&told);
}

static void take_run(struct taker *taker)
{
    if (taker->asking)
        taker->again = true;
    else if (taker->epoch && taker->held < taker->held_max)
        take_ask(taker);
}

static void take_poll(void *arg)
{
    struct taker *taker = arg;

    if (taker->polls_left > 0)
        taker->polls_left--;
    if (taker->polls_left == 0 && taker->epoch && !taker->asking) {
        take_recover(taker);
        taker->polls_left = TAKE_RECOVER_POLLS; /* nothing is known to have been lost */
    } else if (taker->held >= taker->held_max && taker->epoch && !taker->asking)
        take_ask(taker);
    else
        take_wake(taker);
    event_timer_start(taker->loop, &taker->poll, TAKE_POLL_MS, take_poll, taker);
}

void take_wake(struct taker *taker)
{
    taker->again = true;
    taker->dry = false;
    take_run(taker);
}

void take_reconnected(struct taker *taker)
{
    if (taker->epoch && !taker->asking)
        take_recover(taker);
    taker->polls_left = TAKE_UNSURE_POLLS;
}

void take_set_epoch(struct taker *taker, int64_t epoch)
{
    struct held_account *account;

    taker->epoch = epoch;
    if (!epoch)
        return;
    TAILQ_FOREACH(account, &taker->accounts.list, link)
    account->connections = 0; /* they were granted to a life that is over */
    take_wake(taker);
}

uint32_t take_connections(const struct taker *taker, const char *tenant_id, const char *account_id)
{
    const struct held_account *account = held_find(&taker->accounts, tenant_id, account_id);

    return account && account->connections > 0 ? (uint32_t)account->connections : 1;
}

static void take_doubt(struct taker *taker, const char *tenant_id, const char *account_id)
{
    struct db_params params = {0};
    struct error err;

    db_param_text(&params, tenant_id);
    db_param_text(&params, account_id);
    if (db_async_run(taker->db, &SQL_DOUBT_ACCOUNT, &params, NULL, NULL, &err))
        log_error(LOG_WARN, "claim", "doubt_failed", &err); /* the record of its failure says so */
}

void take_prove(struct taker *taker, const char *tenant_id, const char *account_id, bool proven)
{
    struct held_account *account = held_find(&taker->accounts, tenant_id, account_id);

    if (account)
        account->proven = proven;
    if (!proven)
        take_doubt(taker, tenant_id, account_id);
    else
        take_wake(taker); /* there may be more of it than the first few */
}

void take_set_aside(struct taker *taker, const struct claim *claim, bool aside)
{
    struct held_account *account =
        held_find(&taker->accounts, claim->account->tenant_id, claim->account->account_id);

    if (!account)
        return;
    account->aside += aside ? 1 : -1;
    if (aside && !account->proven)
        take_run_within(taker, TAKE_COALESCE_MS);
}

/* How long a place that has become free may wait for others before a claim fills them: a claim's
 * cost hardly depends on how many messages it brings. */
static int64_t take_patience_ms(const struct held_account *account, int32_t batch_size)
{
    int32_t connections = account && account->connections > 0 ? account->connections : 1;

    if (!account)
        return TAKE_COALESCE_MS;
    if (!account->proven)
        return TAKE_FAILED_MS;
    if (account->count > TAKE_HELD_PER_CONNECTION * TAKE_HELD_PER_CONNECTION * connections)
        return TAKE_LINGER_LONG_MS;
    return account->count > batch_size / 2 ||
                   account->count > TAKE_HELD_PER_CONNECTION * connections
               ? TAKE_LINGER_MS
               : TAKE_COALESCE_MS;
}

void take_release(struct taker *taker, const struct claim *claim)
{
    struct held_account *account =
        held_find(&taker->accounts, claim->account->tenant_id, claim->account->account_id);
    bool few = account && !account->proven;
    bool was_full = taker->held >= taker->held_max || taker->kept_back || few ||
                    (account && account->told >= claim->account->batch_size);
    int64_t delay_ms = take_patience_ms(account, claim->account->batch_size);

    taker->held--;
    if (account)
        account->count--;
    if (was_full || !taker->dry)
        take_run_within(taker, delay_ms);
}

/* All that was handed back since the last time. */
static void take_return_now(void *arg)
{
    struct taker *taker = arg;
    struct db_params params = {0};
    struct error err;

    db_param_array(&params, &taker->returned_pks);
    db_param_array(&params, &taker->returned_tokens);
    if (db_array_check(&taker->returned_pks, &err) ||
        db_array_check(&taker->returned_tokens, &err) ||
        db_async_run(taker->db, &SQL_RETURN_CLAIMS, &params, NULL, NULL, &err))
        log_error(LOG_ERROR, "claim", "return_failed", &err); /* the next recovery finds them */
    db_array_clear(&taker->returned_pks);
    db_array_clear(&taker->returned_tokens);
    taker->returned_pks = db_array_of(DB_INT8);
    taker->returned_tokens = db_array_of(DB_INT8);
}

void take_return(struct taker *taker, struct claim *claim)
{
    db_array_int(&taker->returned_pks, claim->message_pk);
    db_array_int(&taker->returned_tokens, claim->lease_token);
    event_defer(taker->loop, take_return_now, taker);
    take_release(taker, claim);
    claim_free(claim);
}

enum err take_new(struct event_loop *loop, struct db_async *db, const struct config *config,
                  const struct take_calls *calls, struct taker **ret, struct error *err)
{
    struct taker *taker = calloc(1, sizeof(*taker));

    if (!taker)
        return error_set(err, ERR_NOMEM, "out of memory for the taker");
    held_init(&taker->accounts);
    taker->loop = loop;
    taker->db = db;
    taker->config = config;
    taker->calls = *calls;
    taker->returned_pks = db_array_of(DB_INT8);
    taker->returned_tokens = db_array_of(DB_INT8);
    taker->held_max = (uint32_t)config->worker_connections * TAKE_HELD_PER_CONNECTION;
    taker->deep_reserve = taker->held_max / 4;
    taker->trial_reserve = taker->held_max / 8;
    taker->polls_left = TAKE_RECOVER_POLLS;
    event_timer_start(loop, &taker->poll, TAKE_POLL_MS, take_poll, taker);
    *ret = taker;
    return ERR_OK;
}

void take_free(struct taker *taker)
{
    if (!taker)
        return;
    event_timer_stop(taker->loop, &taker->poll);
    event_timer_stop(taker->loop, &taker->soon);
    event_undefer(taker->loop, take_return_now, taker);
    db_array_clear(&taker->returned_pks);
    db_array_clear(&taker->returned_tokens);
    held_clear(&taker->accounts);
    free(taker);
}
