/*
 * db_async.c - a connection to PostgreSQL that never blocks its event loop. See db_async.h.
 *
 * Connecting is the one part of libpq that may block (name resolution) or hang on one host of
 * several, so it runs in a thread of its own with libpq's connect_timeout for each host; everything
 * after it is asynchronous.
 */
#include "common/db_async.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "sql/statements.h"

enum { DB_ASYNC_RETRY_FIRST_MS = 100, DB_ASYNC_RETRY_MAX_MS = 2000 };

struct db_op {
    struct db_op *next;
    const struct db_stmt *stmt; /* NULL: LISTEN */
    struct db_params params;
    char *copy; /* owned; what params point into while the op waits for a connection */
    db_done_fn *done;
    void *arg;
    bool preparing; /* the next result is that of PREPARE */
    PGresult *res;
    enum err rc;
    struct error err;
};

struct db_ops {
    struct db_op *first;
    struct db_op **last;
};

struct db_async {
    struct event_loop *loop;
    char *conninfo, *application_name, *listen_sql;
    bool pooled;
    db_notify_fn *notify;
    void *notify_arg;
    db_state_fn *on_state;
    void *on_state_arg;

    PGconn *pg; /* NULL while down or connecting */
    int fd;
    bool broken;  /* a send failed: the connection is dropped in this turn */
    bool closing; /* db_async_free() is under way: nothing more is taken */
    bool prepared[SQL_STATEMENT_COUNT];
    struct db_ops sent, waiting;

    struct event_timer retry;
    int64_t retry_ms;
    pthread_t thread;
    bool connecting;
    int wake_fd;      /* eventfd: the thread is done */
    PGconn *finished; /* the thread's result; read after joining it */
};

static void db_async_connect(void *arg);
static void db_async_ready(void *arg, int fd, unsigned ready);

/* ---- operations ---- */

static void db_ops_add(struct db_ops *ops, struct db_op *op)
{
    op->next = NULL;
    *ops->last = op;
    ops->last = &op->next;
}

static struct db_op *db_ops_take(struct db_ops *ops)
{
    struct db_op *op = ops->first;

    if (!op)
        return NULL;
    ops->first = op->next;
    if (!ops->first)
        ops->last = &ops->first;
    return op;
}

static void db_op_finish(struct db_op *op)
{
    if (op->done)
        op->done(op->arg, op->rc, op->rc ? NULL : op->res, op->rc ? &op->err : NULL);
    PQclear(op->res);
    free(op->copy);
    free(op);
}

/* The caller's values are gone when the op waits: keep one block with all of them. */
static enum err db_op_keep(struct db_op *op, const struct db_params *params, struct error *err)
{
    size_t total = 0, at = 0;

    for (int i = 0; i < params->n; i++)
        total += params->values[i] ? (size_t)params->lengths[i] + 1 : 0;
    op->copy = malloc(total + 1);
    if (!op->copy)
        return error_set(err, ERR_NOMEM, "out of memory for %zu octets of parameters", total);
    op->params = *params;
    for (int i = 0; i < params->n; i++) {
        if (!params->values[i])
            continue;
        memcpy(op->copy + at, params->values[i], (size_t)params->lengths[i]);
        op->params.values[i] = op->copy + at;
        at += (size_t)params->lengths[i];
        op->copy[at++] = '\0';
    }
    return ERR_OK;
}

static bool db_async_send(struct db_async *db, struct db_op *op, const struct db_params *params)
{
    const struct db_stmt *stmt = op->stmt;

    if (!stmt)
        return PQsendQueryParams(db->pg, db->listen_sql, 0, NULL, NULL, NULL, NULL, 0) &&
               PQpipelineSync(db->pg);
    if (db->pooled)
        return PQsendQueryParams(db->pg, stmt->text, params->n, NULL, params->values,
                                 params->lengths, params->formats, stmt->binary_result) &&
               PQpipelineSync(db->pg);
    if (!db->prepared[stmt->id]) {
        if (!PQsendPrepare(db->pg, stmt->name, stmt->text, stmt->nparams, NULL))
            return false;
        op->preparing = true;
        db->prepared[stmt->id] =
            true; /* what follows in the pipeline may rely on it; undone should it fail */
    }
    return PQsendQueryPrepared(db->pg, stmt->name, params->n, params->values, params->lengths,
                               params->formats, stmt->binary_result) &&
           PQpipelineSync(db->pg);
}

/* ---- the connection ---- */

static void db_async_tell(struct db_async *db, const struct error *err)
{
    if (db->on_state)
        db->on_state(db->on_state_arg, db->pg != NULL, err);
}

static void db_async_drop(struct db_async *db, const struct error *why)
{
    struct db_op *lost = db->sent.first;

    event_unwatch(db->loop, db->fd);
    PQfinish(db->pg);
    db->pg = NULL;
    db->broken = false;
    db->sent = (struct db_ops){.last = &db->sent.first};
    event_timer_start(db->loop, &db->retry, DB_ASYNC_RETRY_FIRST_MS, db_async_connect, db);
    db_async_tell(db, why);
    for (struct db_op *op = lost, *next; op; op = next) {
        next = op->next;
        op->rc = ERR_DB_GONE;
        op->err = *why;
        db_op_finish(op);
    }
}

/* A send failed. It is told from the loop, never from inside the caller's call; but libpq has
 * closed the socket, and before the turn ends somebody else may be given the same descriptor. */
static void db_async_break(struct db_async *db)
{
    db->broken = true;
    event_unwatch(db->loop, db->fd);
    db->fd = -1;
}

static void db_async_fail(struct db_async *db, const char *what)
{
    struct error err;

    error_set(&err, ERR_DB_GONE, "%s: %s", what, PQerrorMessage(db->pg));
    db_async_drop(db, &err);
}

static enum err db_async_flush(struct db_async *db, struct error *err)
{
    int more = PQflush(db->pg);

    if (more < 0)
        return error_set(err, ERR_DB_GONE, "writing to the database: %s", PQerrorMessage(db->pg));
    return event_watch(db->loop, db->fd, more ? EVENT_READ | EVENT_WRITE : EVENT_READ,
                       db_async_ready, db, err);
}

static void db_async_flush_later(void *arg)
{
    struct db_async *db = arg;
    struct error err;

    if (db->pg && db->broken)
        db_async_fail(db, "sending to the database");
    else if (db->pg && db_async_flush(db, &err))
        db_async_drop(db, &err);
}

/* What waits and may go. A pooler gives a session to a transaction, and takes it away when
 * that has ended. PgBouncer 1.18 counts as ended what it has seen the end of, though the next
 * statement may be half on its way into the same session: the other half goes to another one, which
 * takes it for garbage. So behind a pooler each is sent when the one before is answered. */
static void db_async_send_waiting(struct db_async *db)
{
    struct db_op *op;

    while (db->pg && !db->broken && !(db->pooled && db->sent.first) &&
           (op = db_ops_take(&db->waiting))) {
        db_ops_add(&db->sent, op);
        if (!db_async_send(db, op, &op->params))
            db_async_break(db);
    }
}

static void db_async_take_result(struct db_async *db, PGresult *res)
{
    struct db_op *op = db->sent.first;
    bool was_prepare = op->preparing;

    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(res);
        db_op_finish(db_ops_take(&db->sent));
        db_async_send_waiting(db);
        return;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        op->preparing = false;
        if (!was_prepare && !op->res) {
            op->res = res;
            return;
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        op->preparing = false;
        if (was_prepare)
            db->prepared[op->stmt->id] = false;
        if (!op->rc)
            op->rc = db_classify(db->pg, res, op->stmt ? op->stmt->name : "LISTEN", &op->err);
        break;
    }
    PQclear(res);
}

static void db_async_ready(void *arg, int fd, unsigned ready)
{
    struct db_async *db = arg;
    PGnotify *note;
    struct error err;

    (void)fd;
    (void)ready;
    if (!PQconsumeInput(db->pg)) {
        db_async_fail(db, "database connection lost");
        return;
    }
    while (db->pg && db->sent.first && !PQisBusy(db->pg)) {
        PGresult *res = PQgetResult(db->pg);

        if (res)
            db_async_take_result(db, res);
        else if (PQstatus(db->pg) != CONNECTION_OK)
            break; /* a callback's sending found the other end closed: no more will come */
        /* else: a NULL only parts one statement's results from the next one's */
    }
    if (!db->pg)
        return;
    if (!db->sent.first)
        (void)PQisBusy(
            db->pg); /* lets libpq read notifications and errors that belong to no statement */
    while (db->pg && (note = PQnotifies(db->pg))) {
        if (db->notify)
            db->notify(db->notify_arg, note->relname, note->extra);
        PQfreemem(note);
    }
    if (db->pg && PQstatus(db->pg) != CONNECTION_OK)
        db_async_fail(db, "database connection lost");
    else if (db->pg && db_async_flush(db, &err))
        db_async_drop(db, &err);
}

/* ---- connecting ---- */

static void *db_async_thread(void *arg)
{
    struct db_async *db = arg;
    uint64_t one = 1;

    db->finished = db_connect((struct db_target){db->conninfo, db->pooled}, db->application_name);
    while (write(db->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    return NULL;
}

static void db_async_retry(struct db_async *db)
{
    event_timer_start(db->loop, &db->retry, db->retry_ms, db_async_connect, db);
    db->retry_ms *= 2;
    if (db->retry_ms > DB_ASYNC_RETRY_MAX_MS)
        db->retry_ms = DB_ASYNC_RETRY_MAX_MS;
}

static bool db_async_send_listen(struct db_async *db)
{
    struct db_op *op = calloc(1, sizeof(*op));

    if (!op)
        return false;
    db_ops_add(&db->sent, op);
    return db_async_send(db, op, NULL);
}

static void db_async_connected(void *arg, int fd, unsigned ready)
{
    struct db_async *db = arg;
    struct error err;
    uint64_t count;

    (void)ready;
    if (read(fd, &count, sizeof(count)) < 0)
        return;
    pthread_join(db->thread, NULL);
    db->connecting = false;
    if (PQstatus(db->finished) != CONNECTION_OK || PQsetnonblocking(db->finished, 1) ||
        !PQenterPipelineMode(db->finished)) {
        error_set(&err, ERR_DB_GONE, "cannot connect to the database: %s",
                  db->finished ? PQerrorMessage(db->finished) : "out of memory");
        PQfinish(db->finished);
        db->finished = NULL;
        db_async_retry(db);
        db_async_tell(db, &err);
        return;
    }
    db->pg = db->finished;
    db->finished = NULL;
    db->fd = PQsocket(db->pg);
    db->retry_ms = DB_ASYNC_RETRY_FIRST_MS;
    memset(db->prepared, 0, sizeof(db->prepared));
    if (db->listen_sql && !db_async_send_listen(db)) {
        db_async_fail(db, "sending to the database");
        return;
    }
    db_async_send_waiting(db);
    db_async_flush_later(db);
    if (db->pg)
        db_async_tell(db, NULL);
}

static void db_async_connect(void *arg)
{
    struct db_async *db = arg;

    if (pthread_create(&db->thread, NULL, db_async_thread, db)) {
        db_async_retry(db);
        return;
    }
    db->connecting = true;
}

/* ---- what callers see ---- */

enum err db_async_new(struct event_loop *loop, struct db_target target,
                      const char *application_name, struct db_async **ret, struct error *err)
{
    struct db_async *db = calloc(1, sizeof(*db));
    enum err rc = ERR_NOMEM;

    if (!db)
        return error_set(err, ERR_NOMEM, "out of memory for a database connection");
    db->loop = loop;
    db->sent.last = &db->sent.first;
    db->waiting.last = &db->waiting.first;
    db->retry_ms = DB_ASYNC_RETRY_FIRST_MS;
    db->fd = -1;
    db->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    db->pooled = target.pooled;
    db->conninfo = strdup(target.conninfo ? target.conninfo : "");
    db->application_name = strdup(application_name);
    if (!db->conninfo || !db->application_name || db->wake_fd < 0) {
        rc = error_set(err, ERR_NOMEM, "out of memory for a database connection");
        goto out;
    }
    rc = event_watch(loop, db->wake_fd, EVENT_READ, db_async_connected, db, err);
    if (rc)
        goto out;
    event_timer_start(loop, &db->retry, 0, db_async_connect, db);
    *ret = db;
    return ERR_OK;
out:
    free(db->conninfo);
    free(db->application_name);
    if (db->wake_fd >= 0)
        close(db->wake_fd);
    free(db);
    return rc;
}

void db_async_free(struct db_async *db)
{
    struct error err;
    struct db_op *op;

    if (!db)
        return;
    error_set(&err, ERR_DB_GONE, "the program stops");
    db->closing = true;
    if (db->connecting) {
        pthread_join(db->thread, NULL);
        PQfinish(db->finished);
    }
    db->on_state = NULL;
    if (db->pg)
        db_async_drop(db, &err);
    event_timer_stop(db->loop, &db->retry);
    while ((op = db_ops_take(&db->waiting))) {
        op->rc = ERR_DB_GONE;
        op->err = err;
        db_op_finish(op);
    }
    event_unwatch(db->loop, db->wake_fd);
    event_undefer(db->loop, db_async_flush_later, db);
    close(db->wake_fd);
    explicit_bzero(db->conninfo, strlen(db->conninfo)); /* may hold a password */
    free(db->conninfo);
    free(db->application_name);
    free(db->listen_sql);
    free(db);
}

void db_async_on_state(struct db_async *db, db_state_fn *fn, void *arg)
{
    db->on_state = fn;
    db->on_state_arg = arg;
}

enum err db_async_listen(struct db_async *db, const char *channel, db_notify_fn *fn, void *arg,
                         struct error *err)
{
    struct buf sql = BUF_INIT(256);

    buf_printf(&sql, "LISTEN %s", channel);
    db->listen_sql = buf_take(&sql, NULL);
    if (!db->listen_sql)
        return error_set(err, ERR_NOMEM, "out of memory for LISTEN");
    db->notify = fn;
    db->notify_arg = arg;
    return ERR_OK;
}

enum err db_async_run(struct db_async *db, const struct db_stmt *stmt,
                      const struct db_params *params, db_done_fn *done, void *arg,
                      struct error *err)
{
    struct db_op *op;
    enum err rc;

    if (params->n != stmt->nparams)
        return error_set(err, ERR_DB, "%s takes %d parameters, not %d", stmt->name, stmt->nparams,
                         params->n);
    if (db->closing)
        return error_set(err, ERR_DB_GONE, "the program stops");
    op = calloc(1, sizeof(*op));
    if (!op)
        return error_set(err, ERR_NOMEM, "out of memory for a statement");
    op->stmt = stmt;
    op->done = done;
    op->arg = arg;
    if (!db->pg || (db->pooled && (db->sent.first || db->waiting.first))) {
        rc = db_op_keep(op, params, err);
        if (rc) {
            free(op);
            return rc;
        }
        db_ops_add(&db->waiting, op);
    } else {
        db_ops_add(&db->sent, op);
        if (!db_async_send(db, op, params))
            db_async_break(db);
        event_defer(db->loop, db_async_flush_later, db);
    }
    return ERR_OK;
}

bool db_async_is_connected(const struct db_async *db)
{
    return db->pg != NULL;
}
