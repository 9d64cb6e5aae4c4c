/*
 * db_target.h - the ways to the database that the settings name.
 */
#ifndef COMMON_DB_TARGET_H
#define COMMON_DB_TARGET_H

#include "common/config.h"
#include "common/db.h"

/* Both borrow from `config`. */
struct db_target db_target_direct(const struct config *config); /* for LISTEN, and migrations */
struct db_target
db_target_pooled(const struct config *config); /* through the pooler if there is one */

#endif
