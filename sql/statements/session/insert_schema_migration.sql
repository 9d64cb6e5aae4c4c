-- insert_schema_migration: note that a migration was applied.
-- $1 integer version  $2 text name
-- Rows: none.
-- Called by: migrate_note() in common/migrate.c, in the migration's own transaction.
INSERT INTO mailproxy.schema_migration (version, name) VALUES ($1::integer, $2::text);
