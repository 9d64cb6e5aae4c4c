/*
 * migrate.h - bring the schema up to date, or say how far it is from that.
 *
 * Migrations are the files sql/migrations/NNNN_name.sql, embedded at build time, forward only, one
 * transaction each, under a transaction-level advisory lock: any number of programs may call this
 * at once.
 */
#ifndef COMMON_MIGRATE_H
#define COMMON_MIGRATE_H

#include "common/db.h"

struct migration {
    int version;
    const char *name;
    const char *text;
};

/* Apply what is missing. *ret_applied: how many were. ERR_CONFIG when the database is newer than
 * this program. */
enum err migrate_up(struct db_conn *conn, int *ret_applied, struct error *err) MUST_CHECK;
/* ERR_OK when the schema is the one this program was built for; ERR_CONFIG says which versions and
 * the remedy. */
enum err migrate_check(struct db_conn *conn, struct error *err) MUST_CHECK;
int migrate_latest(void);

#endif
