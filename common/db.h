/*
 * db.h - one connection to PostgreSQL, statements by name, parameters and rows.
 *
 * Statements live in sql/statements/<stage>/<name>.sql and reach C as SQL_<NAME> (generated
 * sql/statements.h). A statement is prepared on a connection when it is first run there, but for
 * one through a pooler; a test prepares every one against a fresh schema.
 */
#ifndef COMMON_DB_H
#define COMMON_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

struct db_stmt {
    const char *name;
    const char *text;
    uint16_t id;        /* index into sql_statements[] */
    uint8_t nparams;    /* highest $n */
    bool binary_result; /* head says "-- Rows (binary):"; for bytea in bulk */
};

enum {
    DB_PARAMS_MAX = 48,
    DB_ARRAY_CAP_OCTETS = 512 * 1024 * 1024,
    DB_KEEP_OCTETS = 4 * 1024 * 1024,
};

/* Parameters in the order of $1, $2, ... Values are borrowed until the call that takes the struct
 * returns. */
struct db_params {
    int n;
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
    char digits[DB_PARAMS_MAX][24];
};

struct db_array; /* common/db_array.h */

void db_param_text(struct db_params *p, const char *value); /* NULL: SQL NULL */
void db_param_int(struct db_params *p, int64_t value);      /* any integer type: sent as digits */
void db_param_bool(struct db_params *p, bool value);
void db_param_octets(struct db_params *p, const void *value, size_t n); /* bytea; NULL: SQL NULL */
void db_param_array(struct db_params *p,
                    const struct db_array *array); /* see db_array.h; check it first */
void db_param_null(struct db_params *p);

struct db_conn; /* a PGconn and which statements it knows */

/* Where the database is, and by which way. */
struct db_target {
    const char *conninfo; /* borrowed; NULL: libpq's own defaults */
    /* A pooler in transaction mode stands between: statements are not prepared by name, and no
     * session's options are asked for, because each transaction may meet another session. */
    bool pooled;
};

/* libpq's connection with our defaults (time-outs, keep-alives), which the conninfo overrides;
 * blocks. Check PQstatus(). */
PGconn *db_connect(struct db_target target, const char *application_name);

/* ERR_DB_GONE when it cannot be reached. */
enum err db_open(struct db_target target, const char *application_name, struct db_conn **ret,
                 struct error *err) MUST_CHECK;
void db_close(struct db_conn *conn);
bool db_is_broken(const struct db_conn *conn);
/* As db_is_broken(), after looking at the socket: for a connection that lay idle and may have been
 * closed. */
bool db_is_stale(struct db_conn *conn);
/* A statement or a result of more than DB_KEEP_OCTETS has passed: libpq's buffers keep the size of
 * the largest for as long as the connection lives. */
bool db_is_bloated(const struct db_conn *conn);

/*
 * Run one statement, preparing it when needed. *ret_res is owned by the caller (PQclear).
 * ERR_DB, ERR_DB_RETRY or ERR_DB_GONE; the text holds SQLSTATE, statement name and the server's
 * primary message, never a value.
 */
enum err db_run(struct db_conn *conn, const struct db_stmt *stmt, const struct db_params *params,
                PGresult **ret_res, struct error *err) MUST_CHECK;

enum err db_begin(struct db_conn *conn, struct error *err) MUST_CHECK;
enum err db_commit(struct db_conn *conn, struct error *err) MUST_CHECK;
void db_rollback(struct db_conn *conn); /* outside a transaction it does nothing */
/* BEGIN, COMMIT, NOTIFY and migrations: SQL without parameters, several statements allowed. */
enum err db_exec(struct db_conn *conn, const char *sql, struct error *err) MUST_CHECK;

/* Turn a failed result (or a dead connection: res NULL) into an error; shared with db_async. */
enum err db_classify(const PGconn *pg, const PGresult *res, const char *what, struct error *err);

/* Reading a row. A SQL NULL reads as NULL, 0 or false; db_is_null() tells. Text results only, but
 * for db_octets(). */
bool db_is_null(const PGresult *res, int row, int column);
const char *db_str(const PGresult *res, int row, int column); /* borrowed, valid as long as res */
int64_t db_int(const PGresult *res, int row, int column);
bool db_bool(const PGresult *res, int row, int column);
/* Octets of a bytea column, from either result format; owned by the caller. NULL column: *ret stays
 * NULL. */
enum err db_octets(const PGresult *res, int row, int column, unsigned char **ret, size_t *retlen,
                   struct error *err) MUST_CHECK;

#endif
