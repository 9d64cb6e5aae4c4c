/*
 * migrate.c - the schema, up to date. See migrate.h.
 */
#include "common/migrate.h"

#include <string.h>

#include "common/migrations.h"
#include "sql/statements.h"

/* "mailproxy" in ASCII, cut to 32 bits: the lock every migrating program takes, in transactions
 * only. */
#define MIGRATE_LOCK "SELECT pg_advisory_xact_lock(1835104620)"

int migrate_latest(void)
{
    int latest = 0;

    for (const struct migration *m = migrations; m->version; m++)
        latest = m->version;
    return latest;
}

/* 0: no schema of ours yet. */
static enum err migrate_read_version(struct db_conn *conn, int *ret, struct error *err)
{
    struct db_params none = {0};
    PGresult *res = NULL;
    bool installed;
    enum err rc = db_run(conn, &SQL_FIND_SCHEMA, &none, &res, err);

    if (rc)
        return rc;
    installed = db_bool(res, 0, 0);
    PQclear(res);
    if (!installed) {
        *ret = 0;
        return ERR_OK;
    }
    rc = db_run(conn, &SQL_READ_SCHEMA_VERSION, &none, &res, err);
    if (rc)
        return rc;
    *ret = (int)db_int(res, 0, 0);
    PQclear(res);
    return ERR_OK;
}

static enum err migrate_refuse_newer(int version, struct error *err)
{
    return error_set(
        err, ERR_CONFIG,
        "the database's schema is version %d, newer than this program's %d: run the newer program",
        version, migrate_latest());
}

static enum err migrate_note(struct db_conn *conn, const struct migration *m, struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_int(&params, m->version);
    db_param_text(&params, m->name);
    rc = db_run(conn, &SQL_INSERT_SCHEMA_MIGRATION, &params, &res, err);
    PQclear(res);
    return rc;
}

/* One migration in its transaction. *ret_done: false when there was none left. */
static enum err migrate_step(struct db_conn *conn, bool *ret_done, struct error *err)
{
    const struct migration *next = migrations;
    int version = 0;
    enum err rc = db_begin(conn, err);

    if (rc)
        return rc;
    rc = db_exec(conn, MIGRATE_LOCK, err);
    if (!rc)
        rc = migrate_read_version(conn, &version, err);
    if (rc)
        goto out;
    if (version > migrate_latest()) {
        rc = migrate_refuse_newer(version, err);
        goto out;
    }
    while (next->version && next->version <= version)
        next++;
    *ret_done = next->version == 0;
    if (!*ret_done) {
        rc = db_exec(conn, next->text, err);
        if (!rc)
            rc = migrate_note(conn, next, err);
    }
    if (!rc)
        rc = db_commit(conn, err);
out:
    if (rc)
        db_rollback(conn);
    return rc;
}

enum err migrate_up(struct db_conn *conn, int *ret_applied, struct error *err)
{
    int applied = 0;

    for (;;) {
        bool done = false;
        enum err rc = migrate_step(conn, &done, err);

        if (rc)
            return rc;
        if (done)
            break;
        applied++;
    }
    *ret_applied = applied;
    return ERR_OK;
}

enum err migrate_check(struct db_conn *conn, struct error *err)
{
    int version = 0;
    enum err rc = migrate_read_version(conn, &version, err);

    if (rc)
        return rc;
    if (version == migrate_latest())
        return ERR_OK;
    if (version > migrate_latest())
        return migrate_refuse_newer(version, err);
    return error_set(err, ERR_CONFIG,
                     "the database's schema is version %d, this program needs %d: run "
                     "`mailproxy-server migrate`",
                     version, migrate_latest());
}
