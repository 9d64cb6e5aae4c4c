-- read_schema_version: the last migration applied.
-- Rows: one integer.
-- Called by: migrate_read_version() in common/migrate.c.
SELECT max(version) FROM mailproxy.schema_migration;
