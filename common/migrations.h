/*
 * migrations.h - what sql/embed.py made of sql/migrations, sql/functions, sql/views and sql/roles.
 */
#ifndef COMMON_MIGRATIONS_H
#define COMMON_MIGRATIONS_H

struct migration {
    int version;
    const char *name;
    const char *text;
};
extern const struct migration migrations[]; /* in order; the last entry has version 0 */

struct migrate_object {
    const char *kind; /* "function" or "view" */
    const char *name; /* within the schema mailproxy */
    const char *digest;
    const char *text;
};
/* In the order they are to be installed; the last entry has no name. */
extern const struct migrate_object migrate_objects[];

struct migrate_role {
    const char *name; /* without what all of them begin with */
    const char *text; /* its grants, to roles whose names begin with mailproxy_ */
};
extern const struct migrate_role migrate_roles[]; /* the last entry has no name */

#endif
