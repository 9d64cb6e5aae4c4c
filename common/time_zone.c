/*
 * time_zone.c - see time_zone.h.
 */
#include "common/time_zone.h"

#include "sql/statements.h"

enum err time_zone_check(struct db_conn *conn, const char *name, struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_text(&params, name);
    rc = db_run(conn, &SQL_CHECK_TIME_ZONE, &params, &res, err);
    if (!rc && !db_bool(res, 0, 0))
        rc = error_set(err, ERR_CONFIG,
                       "GMP_TIMEZONE=%s: PostgreSQL knows no such time zone; take a name of "
                       "pg_timezone_names, as Europe/Rome",
                       name);
    PQclear(res);
    return rc;
}
