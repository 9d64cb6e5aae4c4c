/*
 * take.c - when to claim, and how much. See take.h.
 */
#include "worker/claim/take.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "common/log.h"
#include "sql/statements.h"

enum {
    TAKE_HELD_PER_CONNECTION =
        4,                /* enough to keep a connection busy while the next claim is on its way */
    TAKE_POLL_MS = 1000,  /* NOTIFY is a hint that may be lost */
    TAKE_COALESCE_MS = 2, /* a relay's replies come in bursts: claim for all of them at once */
    TAKE_LINGER_MS = 20,  /* an account that still has half of what it may: a claim is worth more */
    TAKE_ACCOUNTS = 16,   /* a claim's turn: LIMIT in claim_messages */
    TAKE_RECOVER_POLLS = 60, /* a claim or return may have been lost on the way */
    TAKE_RETRY_MS = 500,
};

/* How many messages of one account are in this worker's hands; a node of a tsearch(3) tree. */
struct take_held_account {
    char *tenant_id, *account_id; /* owned */
    int32_t count;
    int32_t told; /* the last claim was told of so many, or gave them: with batch_size there may be
                     more */
    uint32_t claim; /* the last one that gave any */
};

struct taker {
    struct event_loop *loop;
    struct db_async *db;
    const struct config *config;
    struct take_calls calls;
    int64_t epoch;
    uint32_t held, held_max;
    void *accounts; /* tsearch(3) tree of struct take_held_account */
    bool asking, again;
    /* The last claim took all there was, but for full accounts; nothing has happened since. */
    bool dry;
    uint32_t claim;          /* number of the last claim */
    uint32_t claim_accounts; /* it gave messages of */
    uint32_t claim_max;      /* it might give at most so many messages */
    uint32_t polls;
    struct event_timer poll, soon;
    struct db_array returned_pks, returned_tokens; /* to be handed back at the turn's end */
};

static int take_compare_accounts(const void *a, const void *b)
{
    const struct take_held_account *x = a, *y = b;
    int tenants = strcmp(x->tenant_id, y->tenant_id);

    return tenants ? tenants : strcmp(x->account_id, y->account_id);
}

static void take_free_account(void *node)
{
    struct take_held_account *account = node;

    free(account->tenant_id);
    free(account->account_id);
    free(account);
}

static struct take_held_account *take_find_account(struct taker *taker,
                                                   const struct claim_account *of)
{
    struct take_held_account key = {.tenant_id = of->tenant_id, .account_id = of->account_id};
    struct take_held_account **found = tfind(&key, &taker->accounts, take_compare_accounts);

    return found ? *found : NULL;
}

static struct take_held_account *take_add_account(struct taker *taker,
                                                  const struct claim_account *of)
{
    struct take_held_account *account = calloc(1, sizeof(*account));

    if (!account)
        return NULL;
    account->tenant_id = strdup(of->tenant_id);
    account->account_id = strdup(of->account_id);
    if (!account->tenant_id || !account->account_id ||
        !tsearch(account, &taker->accounts, take_compare_accounts)) {
        take_free_account(account);
        return NULL;
    }
    return account;
}

/* Count one more; without memory for the count the claim still goes ahead. */
static void take_hold(struct taker *taker, const struct claim *claim)
{
    struct take_held_account *account = take_find_account(taker, claim->account);

    taker->held++;
    if (!account)
        account = take_add_account(taker, claim->account);
    if (!account)
        return;
    if (account->claim != taker->claim)
        taker->claim_accounts++;
    account->claim = taker->claim;
    account->count++;
    account->told++;
}

/* ---- claiming ---- */

struct take_arrays {
    struct db_array tenants, accounts, counts;
};

static void take_list_account(const void *node, VISIT which, void *closure)
{
    struct take_held_account *account = *(struct take_held_account *const *)node;
    struct take_arrays *arrays = closure;

    if (which != postorder && which != leaf)
        return;
    db_array_text(&arrays->tenants, account->tenant_id);
    db_array_text(&arrays->accounts, account->account_id);
    db_array_int(&arrays->counts, account->count);
    account->told = account->count;
}

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

static void take_claimed(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    struct taker *taker = arg;
    int rows = rc ? 0 : PQntuples(res);
    bool lost = false;

    taker->claim++;
    taker->claim_accounts = 0;

    taker->asking = false;
    if (rc) {
        log_error(LOG_WARN, "claim", "claim_failed", err);
        take_recover(taker);
        return;
    }
    for (int row = 0; row < rows; row++) {
        struct claim *claim = NULL;
        struct error problem;

        if (claim_read_row(res, row, taker->config, &claim, &problem)) {
            log_error(LOG_ERROR, "claim", "row_lost", &problem);
            lost = true;
            continue;
        }
        claim->claimed_mono_ms = event_loop_now_ms(taker->loop);
        take_hold(taker, claim);
        taker->calls.got(taker->calls.arg, claim);
    }
    taker->dry =
        taker->claim_accounts < TAKE_ACCOUNTS && (uint32_t)rows < taker->claim_max && !taker->again;
    if (lost)
        take_recover(taker);
    else if (!taker->dry)
        take_run(taker);
}

static void take_run(struct taker *taker)
{
    struct db_params params = {0};
    struct take_arrays arrays;
    struct error err;

    if (taker->asking)
        taker->again = true;
    if (!taker->epoch || taker->asking || taker->held >= taker->held_max)
        return;
    arrays.tenants = db_array_of(DB_TEXT);
    arrays.accounts = db_array_of(DB_TEXT);
    arrays.counts = db_array_of(DB_INT4);
    twalk_r(taker->accounts, take_list_account, &arrays);
    db_param_int(&params, taker->epoch);
    db_param_array(&params, &arrays.tenants);
    db_param_array(&params, &arrays.accounts);
    db_param_array(&params, &arrays.counts);
    db_param_int(&params, taker->config->batch_size_per_account);
    taker->claim_max = taker->held_max - taker->held;
    db_param_int(&params, taker->claim_max);
    db_param_int(&params, TAKE_INLINE_OCTETS);
    taker->again = false;
    if (db_array_check(&arrays.tenants, &err) || db_array_check(&arrays.accounts, &err) ||
        db_array_check(&arrays.counts, &err) ||
        db_async_run(taker->db, &SQL_CLAIM_MESSAGES, &params, take_claimed, taker, &err))
        log_error(LOG_WARN, "claim", "claim_failed", &err); /* the poll tries again */
    else
        taker->asking = true;
    db_array_clear(&arrays.tenants);
    db_array_clear(&arrays.accounts);
    db_array_clear(&arrays.counts);
}

static void take_poll(void *arg)
{
    struct taker *taker = arg;

    if (++taker->polls % TAKE_RECOVER_POLLS == 0 && taker->epoch && !taker->asking)
        take_recover(taker);
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
}

void take_set_epoch(struct taker *taker, int64_t epoch)
{
    taker->epoch = epoch;
    if (epoch)
        take_wake(taker);
}

void take_release(struct taker *taker, const struct claim *claim)
{
    struct take_held_account *account = take_find_account(taker, claim->account);
    bool was_full =
        taker->held >= taker->held_max || (account && account->told >= claim->account->batch_size);
    bool plenty = account && account->count > claim->account->batch_size / 2;
    int64_t delay_ms = plenty ? TAKE_LINGER_MS : TAKE_COALESCE_MS;

    taker->held--;
    if (account && --account->count <= 0) {
        tdelete(account, &taker->accounts, take_compare_accounts);
        take_free_account(account);
        if (taker->asking)
            taker->again = true; /* what the claim under way was told of is not known any more */
    }
    if ((was_full || !taker->dry) &&
        (!taker->soon.at || taker->soon.due_ms > event_loop_now_ms(taker->loop) + delay_ms))
        event_timer_start(taker->loop, &taker->soon, delay_ms, take_run_timer, taker);
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
    taker->loop = loop;
    taker->db = db;
    taker->config = config;
    taker->calls = *calls;
    taker->returned_pks = db_array_of(DB_INT8);
    taker->returned_tokens = db_array_of(DB_INT8);
    taker->held_max = (uint32_t)config->worker_connections * TAKE_HELD_PER_CONNECTION;
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
    while (taker->accounts) {
        struct take_held_account *account = *(struct take_held_account **)taker->accounts;

        tdelete(account, &taker->accounts, take_compare_accounts);
        take_free_account(account);
    }
    free(taker);
}
