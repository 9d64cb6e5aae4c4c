-- grant_roles: bring what the group roles may do to what this program was built with.
-- $1 text what their names begin with  $2, $3 text[] name and grants of each
-- Rows: one boolean: something was to be done, and is.
-- Locks: tables whose row-level security begins, exclusively; nothing else.
-- Called by: migrate_grant() in common/migrate.c.
SELECT mailproxy.grant_roles($1::text, $2::text[], $3::text[]);
