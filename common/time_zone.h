/*
 * time_zone.h - is the time zone of the settings one that the database knows?
 */
#ifndef COMMON_TIME_ZONE_H
#define COMMON_TIME_ZONE_H

#include "common/db.h"

/* For the start of a program, once the schema is known to be current. ERR_CONFIG names the setting
 * and the remedy. */
enum err time_zone_check(struct db_conn *conn, const char *name, struct error *err) MUST_CHECK;

#endif
