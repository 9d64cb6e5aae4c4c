-- make_roles: create the group roles that do not exist.
-- $1 text[] their names
-- Rows: one, empty.
-- Called by: migrate_make_roles() in common/migrate.c.
SELECT mailproxy.make_roles($1::text[]);
