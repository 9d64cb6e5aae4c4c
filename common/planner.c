/*
 * planner.c - are the planner's settings those that the statements are written for? See planner.h.
 */
#include "common/planner.h"

#include "common/log.h"
#include "sql/statements.h"

void planner_check(struct db_conn *conn, const char *stage)
{
    struct db_params none = {0};
    PGresult *res = NULL;
    struct error err;
    struct log_line l;

    if (db_run(conn, &SQL_READ_PLANNER, &none, &res, &err)) {
        log_error(LOG_WARN, stage, "planner_unknown", &err);
        return;
    }
    if (!db_bool(res, 0, 0)) {
        log_begin(&l, LOG_WARN, stage, "planner_not_set");
        log_str(&l, "note",
                "statements may read whole tables: let the pooler or the role set enable_seqscan, "
                "enable_bitmapscan and jit off, see docs/scaling.md");
        log_end(&l);
    }
    PQclear(res);
}
