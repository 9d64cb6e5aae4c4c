-- find_schema: is our schema installed at all?
-- Rows: one boolean.
-- Called by: migrate_read_version() in common/migrate.c.
SELECT to_regclass('mailproxy.schema_migration') IS NOT NULL;
