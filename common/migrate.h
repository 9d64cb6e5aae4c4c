/*
 * migrate.h - bring the schema up to date, or say how far it is from that.
 *
 * Migrations are the files sql/migrations/NNNN_name.sql, embedded at build time, forward only, one
 * transaction each, under a transaction-level advisory lock: any number of programs may call this
 * at once. After them come the functions and views of sql/functions and sql/views, all in one
 * transaction: those that changed are installed again, those no longer there are dropped. Last come
 * the group roles of sql/roles: made where the login may make roles, and granted what they may do.
 *
 * A login that is a member of the schema's owner works as that owner, so that all belongs to one.
 */
#ifndef COMMON_MIGRATE_H
#define COMMON_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/db.h"

enum { MIGRATE_PREFIX_OCTETS_MAX = 40, MIGRATE_MISSING_OCTETS = 512 };

struct migrate_done {
    int migrations;                       /* applied */
    int objects;                          /* functions and views installed */
    bool granted;                         /* roles were granted something, or lost something */
    char missing[MIGRATE_MISSING_OCTETS]; /* roles this login may not make, comma-separated */
};

/* Apply what is missing; *ret tells what was. role_prefix: what the names of the group roles begin
 * with; "none": none are made. ERR_CONFIG when the database is newer than this program, or the
 * prefix is not fit for a name. What was done stays done when what comes after it fails. */
enum err migrate_up(struct db_conn *conn, const char *role_prefix, struct migrate_done *ret,
                    struct error *err) MUST_CHECK;
/* SQL with which a superuser makes the group roles, in psql. ERR_CONFIG as above. */
enum err migrate_print_roles(const char *role_prefix, FILE *out, struct error *err) MUST_CHECK;
/* ERR_OK when the schema is the one this program was built for; ERR_CONFIG says which versions and
 * the remedy. */
enum err migrate_check(struct db_conn *conn, struct error *err) MUST_CHECK;
int migrate_latest(void);

#endif
