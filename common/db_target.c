/*
 * db_target.c - the ways to the database. See db_target.h.
 */
#include "common/db_target.h"

struct db_target db_target_direct(const struct config *config)
{
    return (struct db_target){.conninfo = config->database_url};
}

struct db_target db_target_pooled(const struct config *config)
{
    if (!config->database_pooler_url)
        return db_target_direct(config);
    return (struct db_target){.conninfo = config->database_pooler_url, .pooled = true};
}
