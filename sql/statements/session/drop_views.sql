-- drop_views: take the views out of the way of a migration.
-- Rows: one, empty.
-- Locks: each view, until the migration is committed.
-- Called by: migrate_step() in common/migrate.c.
SELECT mailproxy.drop_views();
