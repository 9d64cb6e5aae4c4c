-- read_schema_version: the last migration applied.
-- Rows: one: integer version, boolean whether views may stand in the way of the next migration.
-- Called by: migrate_read_version() in common/migrate.c.
SELECT max(version), to_regproc('mailproxy.drop_views') IS NOT NULL FROM mailproxy.schema_migration;
