/*
 * cut-connection CONNINFO - lose a connection while results are being read, and send on.
 *
 * Two statements are under way when the first one's answer is read; before the second one's is, the
 * server's end of the connection is closed and more statements are sent. Prints what each came to,
 * one line for each, and that the connection was tried again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/db_async.h"

enum { CUT_MORE = 3, CUT_HANGS_S = 60, CUT_BACKEND_ENDS_MS = 10000 };

struct cut {
    const char *conninfo;
    struct event_loop *loop;
    struct db_async *db;
    bool was_connected;
};

static const struct db_stmt cut_stmt = {.name = "read_pid", .text = "SELECT pg_backend_pid()"};

static void cut_fail(const char *what)
{
    fprintf(stderr, "cut-connection: %s\n", what);
    exit(1);
}

static void cut_run(struct cut *cut, db_done_fn *done)
{
    const struct db_params params = {0};
    struct error err;

    if (db_async_run(cut->db, &cut_stmt, &params, done, cut, &err))
        cut_fail(err.text);
}

static void cut_print(void *arg, enum err rc, const PGresult *res, const struct error *err)
{
    (void)arg;
    (void)res;
    (void)err;
    puts(rc == ERR_OK ? "answer" : rc == ERR_DB_GONE ? "gone" : "another error");
}

static void cut_close_other_end(void *arg, enum err rc, const PGresult *res,
                                const struct error *err)
{
    struct cut *cut = arg;
    PGconn *other;
    PGresult *ended;
    char sql[96];

    cut_print(cut, rc, res, err);
    if (rc)
        cut_fail("the first statement failed");
    other = PQconnectdb(cut->conninfo);
    (void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld, %d)",
                   (long long)db_int(res, 0, 0), CUT_BACKEND_ENDS_MS);
    ended = PQexec(other, sql);
    if (PQresultStatus(ended) != PGRES_TUPLES_OK || !db_bool(ended, 0, 0))
        cut_fail("the backend did not end");
    PQclear(ended);
    PQfinish(other);
    for (int i = 0; i < CUT_MORE; i++)
        cut_run(cut, cut_print);
}

static void cut_state(void *arg, bool connected, const struct error *err)
{
    struct cut *cut = arg;

    (void)err;
    if (connected && !cut->was_connected) {
        cut->was_connected = true;
        cut_run(cut, cut_close_other_end);
        cut_run(cut, cut_print);
    } else if (connected) {
        puts("connected again");
        event_loop_stop(cut->loop);
    }
}

int main(int argc, char **argv)
{
    struct cut cut = {.conninfo = argv[1]};
    struct error err;

    if (argc != 2)
        cut_fail("usage: cut-connection CONNINFO");
    alarm(CUT_HANGS_S);
    if (event_loop_new(&cut.loop, &err) ||
        db_async_new(cut.loop, (struct db_target){.conninfo = argv[1]}, "cut-connection", &cut.db,
                     &err))
        cut_fail(err.text);
    db_async_on_state(cut.db, cut_state, &cut);
    if (event_loop_run(cut.loop, &err))
        cut_fail(err.text);
    db_async_free(cut.db);
    event_loop_free(cut.loop);
    return 0;
}
