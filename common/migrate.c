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

enum { NAMEDATA_OCTETS = 64 }; /* NAMEDATALEN of PostgreSQL, with the final NUL */

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

/* A statement of which no row is wanted. */
static enum err migrate_run(struct db_conn *conn, const struct db_stmt *stmt,
                            const struct db_params *params, struct error *err)
{
    PGresult *res = NULL;
    enum err rc = db_run(conn, stmt, params, &res, err);

    PQclear(res);
    return rc;
}

static enum err migrate_become_owner(struct db_conn *conn, const char *role_prefix,
                                     struct error *err)
{
    struct db_params params = {0};

    db_param_text(&params, role_prefix);
    return migrate_run(conn, &SQL_BECOME_OWNER, &params, err);
}

/* BEGIN, our lock, and what the database is at. The caller ends the transaction, also on failure.
 */
static enum err migrate_begin(struct db_conn *conn, const char *role_prefix, int *ret_version,
                              bool *ret_views, struct error *err)
{
    enum err rc = db_begin(conn, err);

    if (!rc)
        rc = db_exec(conn, MIGRATE_LOCK, err);
    if (!rc)
        rc = migrate_become_owner(conn, role_prefix, err);
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
    enum err rc = ERR_OK;

    if (views)
        rc = migrate_run(conn, &SQL_DROP_VIEWS, &params, err);
    if (!rc)
        rc = db_exec(conn, m->text, err);
    if (rc)
        return rc;
    db_param_int(&params, m->version);
    db_param_text(&params, m->name);
    return migrate_run(conn, &SQL_INSERT_SCHEMA_MIGRATION, &params, err);
}

/* One migration in its transaction. *ret_done: false when there was none left. */
static enum err migrate_step(struct db_conn *conn, const char *role_prefix, bool *ret_done,
                             struct error *err)
{
    const struct migration *next = migrations;
    int version = 0;
    bool views = false;
    enum err rc = migrate_begin(conn, role_prefix, &version, &views, err);

    while (next->version && next->version <= version)
        next++;
    *ret_done = next->version == 0;
    if (!rc && !*ret_done)
        rc = migrate_apply(conn, next, views, err);
    return migrate_end(conn, rc, err);
}

static enum err migrate_install(struct db_conn *conn, const char *role_prefix, int *ret_installed,
                                struct error *err)
{
    struct db_array columns[4];
    struct db_params params = {0};
    PGresult *res = NULL;
    int version = 0;
    bool views = false;
    enum err rc = migrate_begin(conn, role_prefix, &version, &views, err);

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

/* NULL: no roles are wanted. */
static enum err migrate_read_prefix(const char *role_prefix, const char **ret, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
    size_t n = strlen(role_prefix);

    if (n == 0 || n > MIGRATE_PREFIX_OCTETS_MAX || strspn(role_prefix, allowed) != n ||
        strchr("0123456789", role_prefix[0]) || !strncmp(role_prefix, "pg_", 3))
        return error_set(err, ERR_CONFIG,
                         "GMP_ROLE_PREFIX=%s: must be none, or begin a role's name: at most %d of "
                         "a-z, _ and, not first, 0-9; not pg_",
                         role_prefix, MIGRATE_PREFIX_OCTETS_MAX);
    *ret = strcmp(role_prefix, "none") != 0 ? role_prefix : NULL;
    return ERR_OK;
}

/* The role's name into `name`. */
static const char *migrate_role_name(const struct migrate_role *role, const char *prefix,
                                     char name[NAMEDATA_OCTETS])
{
    snprintf(name, NAMEDATA_OCTETS, "%s_%s", prefix, role->name);
    return name;
}

/* missing: those that do not exist, and that this login may not make. */
static enum err migrate_make_roles(struct db_conn *conn, const struct db_array *names,
                                   char missing[MIGRATE_MISSING_OCTETS], struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_array(&params, names);
    rc = db_run(conn, &SQL_FIND_ROLES, &params, &res, err);
    if (rc)
        return rc;
    if (*db_str(res, 0, 0) && db_bool(res, 0, 1))
        rc = migrate_run(conn, &SQL_MAKE_ROLES, &params, err);
    else
        snprintf(missing, MIGRATE_MISSING_OCTETS, "%s", db_str(res, 0, 0));
    PQclear(res);
    return rc;
}

static enum err migrate_grant_roles(struct db_conn *conn, const char *role_prefix,
                                    const struct db_array *names, const struct db_array *texts,
                                    bool *ret_granted, struct error *err)
{
    struct db_params params = {0};
    PGresult *res = NULL;
    enum err rc;

    db_param_text(&params, role_prefix ? role_prefix : "none");
    db_param_array(&params, names);
    db_param_array(&params, texts);
    rc = db_run(conn, &SQL_GRANT_ROLES, &params, &res, err);
    if (!rc)
        *ret_granted = db_bool(res, 0, 0);
    PQclear(res);
    return rc;
}

/* The roles are made as whoever has logged in: the schema's owner needs no right to make any. */
static enum err migrate_grant(struct db_conn *conn, const char *role_prefix,
                              struct migrate_done *done, struct error *err)
{
    struct db_array names = db_array_of(DB_TEXT), texts = db_array_of(DB_TEXT);
    char name[NAMEDATA_OCTETS];
    enum err rc;

    for (const struct migrate_role *r = migrate_roles; role_prefix && r->name; r++) {
        db_array_text(&names, migrate_role_name(r, role_prefix, name));
        db_array_text(&texts, r->text);
    }
    rc = db_array_check(&names, err);
    if (!rc)
        rc = db_array_check(&texts, err);
    if (!rc)
        rc = db_begin(conn, err);
    if (!rc)
        rc = db_exec(conn, MIGRATE_LOCK, err);
    if (!rc)
        rc = migrate_make_roles(conn, &names, done->missing, err);
    if (!rc)
        rc = migrate_become_owner(conn, role_prefix, err);
    if (!rc)
        rc = migrate_grant_roles(conn, role_prefix, &names, &texts, &done->granted, err);
    db_array_clear(&names);
    db_array_clear(&texts);
    return migrate_end(conn, rc, err);
}

enum err migrate_up(struct db_conn *conn, const char *role_prefix, struct migrate_done *ret,
                    struct error *err)
{
    struct migrate_done done = {0};
    enum err rc = migrate_read_prefix(role_prefix, &role_prefix, err);

    if (rc)
        return rc;
    for (;;) {
        bool none_left = false;

        rc = migrate_step(conn, role_prefix, &none_left, err);
        if (rc)
            return rc;
        if (none_left)
            break;
        done.migrations++;
    }
    rc = migrate_install(conn, role_prefix, &done.objects, err);
    if (!rc)
        rc = migrate_grant(conn, role_prefix, &done, err);
    if (!rc)
        *ret = done;
    return rc;
}

enum err migrate_print_roles(const char *role_prefix, FILE *out, struct error *err)
{
    char name[NAMEDATA_OCTETS];
    enum err rc = migrate_read_prefix(role_prefix, &role_prefix, err);

    if (rc || !role_prefix)
        return rc;
    for (const struct migrate_role *r = migrate_roles; r->name; r++) {
        migrate_role_name(r, role_prefix, name);
        fprintf(out, "SELECT 'CREATE ROLE %s NOLOGIN' WHERE to_regrole('%s') IS NULL \\gexec\n",
                name, name);
    }
    fprintf(out,
            "-- Programs pass by row-level security, under which enums are planned for without "
            "statistics.\n"
            "ALTER ROLE %s_server BYPASSRLS;\n"
            "ALTER ROLE %s_worker BYPASSRLS;\n"
            "-- Whose queries hold back a vacuum is seen by who may read all statistics.\n"
            "GRANT pg_read_all_stats TO %s_dba;\n"
            "-- For a database that has no schema mailproxy yet: the owner makes it.\n"
            "GRANT CREATE ON DATABASE :\"DBNAME\" TO %s_owner;\n",
            role_prefix, role_prefix, role_prefix, role_prefix);
    return ERR_OK;
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
