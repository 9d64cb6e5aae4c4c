/*
 * db.c - one connection to PostgreSQL. See db.h.
 */
#include "common/db.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_array.h"
#include "sql/statements.h"

#define DB_PLANNER_OPTIONS "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off"

struct db_conn {
    PGconn *pg;
    bool pooled;
    size_t most_octets; /* of one statement's parameters, or of one result */
    bool prepared[SQL_STATEMENT_COUNT];
};

/* A slot for the next parameter; more than DB_PARAMS_MAX is a bug of ours. */
static int db_param_next(struct db_params *p, const char *value, int length, int format)
{
    int at = p->n++;

    if (at >= DB_PARAMS_MAX)
        abort();
    p->values[at] = value;
    p->lengths[at] = length;
    p->formats[at] = format;
    return at;
}

void db_param_text(struct db_params *p, const char *value)
{
    db_param_next(p, value, value ? (int)strlen(value) : 0, 0);
}

void db_param_null(struct db_params *p)
{
    db_param_next(p, NULL, 0, 0);
}

void db_param_int(struct db_params *p, int64_t value)
{
    int at = db_param_next(p, NULL, 0, 0);

    snprintf(p->digits[at], sizeof(p->digits[at]), "%lld", (long long)value);
    p->values[at] = p->digits[at];
    p->lengths[at] = (int)strlen(p->digits[at]);
}

void db_param_bool(struct db_params *p, bool value)
{
    db_param_text(p, value ? "t" : "f");
}

void db_param_octets(struct db_params *p, const void *value, size_t n)
{
    db_param_next(p, value, (int)n, 1);
}

void db_param_array(struct db_params *p, const struct db_array *array)
{
    db_param_next(p, array->octets.data, (int)array->octets.len, 1);
}

enum err db_classify(const PGconn *pg, const PGresult *res, const char *what, struct error *err)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    enum err code = ERR_DB;

    if (PQstatus(pg) != CONNECTION_OK || !state)
        return error_set(err, ERR_DB_GONE, "%s: database connection lost: %s", what,
                         primary ? primary : PQerrorMessage(pg));
    /* Class 40: rollback, run it again. 23505 and 23503: another transaction was faster. 55P03:
     * lock not available. */
    if (!strncmp(state, "40", 2) || !strcmp(state, "23505") || !strcmp(state, "23503") ||
        !strcmp(state, "55P03"))
        code = ERR_DB_RETRY;
    /* Class 57: the server shuts down or starts up; 08: connection; 53: out of resources; 25006: a
     * standby. */
    else if (!strncmp(state, "57P", 3) || !strncmp(state, "08", 2) || !strncmp(state, "53", 2) ||
             !strcmp(state, "25006"))
        code = ERR_DB_GONE;
    return error_set(err, code, "%s: %s (SQLSTATE %s)", what, primary ? primary : "no message",
                     state);
}

enum err db_exec(struct db_conn *conn, const char *sql, struct error *err)
{
    PGresult *res = PQexec(conn->pg, sql);
    ExecStatusType status = PQresultStatus(res);
    enum err rc = ERR_OK;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        rc = db_classify(conn->pg, res, "command", err);
    PQclear(res);
    return rc;
}

/* Notices (of migrations, mostly) would go to stderr among the log's lines. */
static void db_ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

PGconn *db_connect(struct db_target target, const char *application_name)
{
    /*
     * What stands before dbname gives way to what the conninfo says. A peer that vanished is
     * noticed in 15 s. Plans are kept for the life of a connection: one made while the queue was
     * empty must not scan it when it is full, nor collect and sort a tenant's whole list for one
     * page. PgBouncer refuses `options`: its sessions get the same by other means
     * (common/planner.h).
     */
    const char *keys[] = {"connect_timeout",           "tcp_user_timeout", "keepalives_idle",
                          "keepalives_interval",       "options",          "dbname",
                          "fallback_application_name", "client_encoding",  NULL};
    const char *values[] = {"5",
                            "15000",
                            "10",
                            "5",
                            target.pooled ? NULL : DB_PLANNER_OPTIONS,
                            target.conninfo ? target.conninfo : "",
                            application_name,
                            "UTF8",
                            NULL};
    PGconn *pg = PQconnectdbParams(keys, values, 1);

    if (PQstatus(pg) == CONNECTION_OK) {
        PQsetErrorVerbosity(pg, PQERRORS_TERSE);
        PQsetNoticeProcessor(pg, db_ignore_notice, NULL);
    }
    return pg;
}

enum err db_open(struct db_target target, const char *application_name, struct db_conn **ret,
                 struct error *err)
{
    struct db_conn *conn = calloc(1, sizeof(*conn));

    if (!conn)
        return error_set(err, ERR_NOMEM, "out of memory for a database connection");
    conn->pooled = target.pooled;
    conn->pg = db_connect(target, application_name);
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        enum err rc = error_set(err, ERR_DB_GONE, "cannot connect to the database: %s",
                                conn->pg ? PQerrorMessage(conn->pg) : "out of memory");

        db_close(conn);
        return rc;
    }
    *ret = conn;
    return ERR_OK;
}

void db_close(struct db_conn *conn)
{
    if (!conn)
        return;
    PQfinish(conn->pg);
    free(conn);
}

bool db_is_broken(const struct db_conn *conn)
{
    return PQstatus(conn->pg) != CONNECTION_OK;
}

bool db_is_stale(struct db_conn *conn)
{
    struct pollfd fd = {.fd = PQsocket(conn->pg), .events = POLLIN};

    if (db_is_broken(conn))
        return true;
    if (poll(&fd, 1, 0) > 0)
        (void)PQconsumeInput(conn->pg); /* a farewell from the server, or the end of the stream */
    return db_is_broken(conn);
}

bool db_is_bloated(const struct db_conn *conn)
{
    return conn->most_octets > DB_KEEP_OCTETS;
}

static void db_note_octets(struct db_conn *conn, size_t octets)
{
    if (octets > conn->most_octets)
        conn->most_octets = octets;
}

static size_t db_params_octets(const struct db_params *params)
{
    size_t total = 0;

    for (int i = 0; i < params->n; i++)
        total += (size_t)params->lengths[i];
    return total;
}

static enum err db_prepare(struct db_conn *conn, const struct db_stmt *stmt, struct error *err)
{
    PGresult *res = PQprepare(conn->pg, stmt->name, stmt->text, stmt->nparams, NULL);
    enum err rc = ERR_OK;

    if (PQresultStatus(res) == PGRES_COMMAND_OK)
        conn->prepared[stmt->id] = true;
    else
        rc = db_classify(conn->pg, res, stmt->name, err);
    PQclear(res);
    return rc;
}

enum err db_run(struct db_conn *conn, const struct db_stmt *stmt, const struct db_params *params,
                PGresult **ret_res, struct error *err)
{
    PGresult *res;
    ExecStatusType status;

    if (params->n != stmt->nparams)
        return error_set(err, ERR_DB, "%s takes %d parameters, not %d", stmt->name, stmt->nparams,
                         params->n);
    if (!conn->pooled && !conn->prepared[stmt->id]) {
        enum err rc = db_prepare(conn, stmt, err);

        if (rc)
            return rc;
    }
    res = conn->pooled ? PQexecParams(conn->pg, stmt->text, params->n, NULL, params->values,
                                      params->lengths, params->formats, stmt->binary_result)
                       : PQexecPrepared(conn->pg, stmt->name, params->n, params->values,
                                        params->lengths, params->formats, stmt->binary_result);
    db_note_octets(conn, db_params_octets(params));
    db_note_octets(conn, PQresultMemorySize(res));
    status = PQresultStatus(res);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        enum err rc = db_classify(conn->pg, res, stmt->name, err);

        PQclear(res);
        return rc;
    }
    *ret_res = res;
    return ERR_OK;
}

enum err db_begin(struct db_conn *conn, struct error *err)
{
    return db_exec(conn, "BEGIN", err);
}

enum err db_commit(struct db_conn *conn, struct error *err)
{
    return db_exec(conn, "COMMIT", err);
}

void db_rollback(struct db_conn *conn)
{
    if (PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        PQclear(PQexec(conn->pg, "ROLLBACK"));
}

bool db_is_null(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column);
}

const char *db_str(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

int64_t db_int(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? 0 : strtoll(PQgetvalue(res, row, column), NULL, 10);
}

bool db_bool(const PGresult *res, int row, int column)
{
    return !PQgetisnull(res, row, column) && PQgetvalue(res, row, column)[0] == 't';
}

enum err db_octets(const PGresult *res, int row, int column, unsigned char **ret, size_t *retlen,
                   struct error *err)
{
    const char *value = PQgetvalue(res, row, column);
    size_t n = (size_t)PQgetlength(res, row, column);
    unsigned char *octets;

    if (PQgetisnull(res, row, column))
        return ERR_OK;
    if (PQfformat(res, column) == 1) {
        octets = malloc(n + 1);
        if (octets) {
            memcpy(octets, value, n);
            octets[n] = '\0';
        }
    } else {
        unsigned char *unescaped = PQunescapeBytea((const unsigned char *)value, &n);

        octets = unescaped ? malloc(n + 1) : NULL;
        if (octets) {
            memcpy(octets, unescaped, n);
            octets[n] = '\0';
        }
        PQfreemem(unescaped);
    }
    if (!octets)
        return error_set(err, ERR_NOMEM, "out of memory for %zu octets from the database", n);
    *ret = octets;
    *retlen = n;
    return ERR_OK;
}
