/*
 * planner.h - are the planner's settings those that the statements are written for?
 *
 * A connection of ours asks for them itself (db.c). One through a pooler cannot: there they come
 * from PgBouncer's connect_query, or from ALTER ROLE ... SET, which somebody may have forgotten.
 */
#ifndef COMMON_PLANNER_H
#define COMMON_PLANNER_H

#include "common/db.h"

/* Warn in the log when they are not; claims would become slow, but nothing wrong. */
void planner_check(struct db_conn *conn, const char *stage);

#endif
