/*
 * migrate.h - bring the schema up to date, or say how far it is from that.
 *
 * Migrations are the files sql/migrations/NNNN_name.sql, embedded at build time, forward only, one
 * transaction each, under a transaction-level advisory lock: any number of programs may call this
 * at once. After them come the functions and views of sql/functions and sql/views, all in one
 * transaction: those that changed are installed again, those no longer there are dropped.
 */
#ifndef COMMON_MIGRATE_H
#define COMMON_MIGRATE_H

#include "common/db.h"

struct migrate_done {
    int migrations; /* applied */
    int objects;    /* functions and views installed */
};

/* Apply what is missing; *ret tells what was. ERR_CONFIG when the database is newer than this
 * program. Migrations stay applied when the functions and views then cannot be installed. */
enum err migrate_up(struct db_conn *conn, struct migrate_done *ret, struct error *err) MUST_CHECK;
/* ERR_OK when the schema is the one this program was built for; ERR_CONFIG says which versions and
 * the remedy. */
enum err migrate_check(struct db_conn *conn, struct error *err) MUST_CHECK;
int migrate_latest(void);

#endif
