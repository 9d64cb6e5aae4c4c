/*
 * migrate.c - the schema, up to date. See migrate.h.
 */
#include "common/migrate.h"

#include <string.h>

#include "common/db_array.h"
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

/* 0: no schema of ours yet. *ret_views: views may stand in the way of a migration. */
static enum err migrate_read_version(struct db_conn *conn, int *ret, bool *ret_views,
                                     struct error *err)
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
        *ret_views = false;
        return ERR_OK;
    }
    rc = db_run(conn, &SQL_READ_SCHEMA_VERSION, &none, &res, err);
    if (rc)
        return rc;
    *ret = (int)db_int(res, 0, 0);
    *ret_views = db_bool(res, 0, 1);
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

/* BEGIN, our lock, and what the database is at. The caller ends the transaction, also on failure.
 */
static enum err migrate_begin(struct db_conn *conn, int *ret_version, bool *ret_views,
                              struct error *err)
{
    enum err rc = db_begin(conn, err);

    if (!rc)
        rc = db_exec(conn, MIGRATE_LOCK, err);
    if (!rc)
        rc = migrate_read_version(conn, ret_version, ret_views, err);
    if (!rc && *ret_version > migrate_latest())
        rc = migrate_refuse_newer(*ret_version, err);
    return rc;
}

static enum err migrate_end(struct db_conn *conn, enum err rc, struct error *err)
{
    if (!rc)
        rc = db_commit(conn, err);
    if (rc)
        db_rollback(conn);
    return rc;
}

static enum err migrate_apply(struct db_conn *conn, const struct migration *m, bool views,
                              struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc = ERR_OK;

    if (views)
        rc = db_run(conn, &SQL_DROP_VIEWS, &params, &res, err);
    PQclear(res);
    if (!rc)
        rc = db_exec(conn, m->text, err);
    if (rc)
        return rc;
    db_param_int(&params, m->version);
    db_param_text(&params, m->name);
    res = NULL;
    rc = db_run(conn, &SQL_INSERT_SCHEMA_MIGRATION, &params, &res, err);
    PQclear(res);
    return rc;
}

/* One migration in its transaction. *ret_done: false when there was none left. */
static enum err migrate_step(struct db_conn *conn, bool *ret_done, struct error *err)
{
    const struct migration *next = migrations;
    int version = 0;
    bool views = false;
    enum err rc = migrate_begin(conn, &version, &views, err);

    while (next->version && next->version <= version)
        next++;
    *ret_done = next->version == 0;
    if (!rc && !*ret_done)
        rc = migrate_apply(conn, next, views, err);
    return migrate_end(conn, rc, err);
}

static enum err migrate_install(struct db_conn *conn, int *ret_installed, struct error *err)
{
    struct db_array columns[4];
    struct db_params params = {0};
    PGresult *res = NULL;
    int version = 0;
    bool views = false;
    enum err rc = migrate_begin(conn, &version, &views, err);

    for (size_t i = 0; i < 4; i++)
        columns[i] = db_array_of(DB_TEXT);
    for (const struct migrate_object *o = migrate_objects; o->name; o++) {
        const char *const values[4] = {o->kind, o->name, o->digest, o->text};

        for (size_t i = 0; i < 4; i++)
            db_array_text(&columns[i], values[i]);
    }
    for (size_t i = 0; i < 4 && !rc; i++) {
        rc = db_array_check(&columns[i], err);
        db_param_array(&params, &columns[i]);
    }
    if (!rc)
        rc = db_run(conn, &SQL_INSTALL_OBJECTS, &params, &res, err);
    if (!rc)
        *ret_installed = (int)db_int(res, 0, 0);
    PQclear(res);
    for (size_t i = 0; i < 4; i++)
        db_array_clear(&columns[i]);
    return migrate_end(conn, rc, err);
}

enum err migrate_up(struct db_conn *conn, struct migrate_done *ret, struct error *err)
{
    struct migrate_done done = {0};
    enum err rc;

    for (;;) {
        bool none_left = false;

        rc = migrate_step(conn, &none_left, err);
        if (rc)
            return rc;
        if (none_left)
            break;
        done.migrations++;
    }
    rc = migrate_install(conn, &done.objects, err);
    if (!rc)
        *ret = done;
    return rc;
}

enum err migrate_check(struct db_conn *conn, struct error *err)
{
    int version = 0;
    bool views = false;
    enum err rc = migrate_read_version(conn, &version, &views, err);

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
