-- hot_table: of the tables that change all the time, how much is dead.
CREATE OR REPLACE VIEW mailproxy.hot_table AS
SELECT s.relname::text AS table_name, s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows,
       pg_relation_size(s.relid) AS table_octets, pg_indexes_size(s.relid) AS index_octets,
       pg_relation_size(s.relid) / greatest(s.n_live_tup, 1) AS octets_per_row,
       s.vacuum_count + s.autovacuum_count AS vacuums, greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at,
       greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at
  FROM pg_catalog.pg_stat_user_tables s
 WHERE s.schemaname = 'mailproxy'
   AND s.relname IN ('queue', 'message', 'account_state', 'account_token', 'account_counter', 'attempt_counter', 'tenant_sync',
                     'worker', 'rate_bucket', 'connection_grant', 'instance', 'purge_pass');
COMMENT ON VIEW mailproxy.hot_table IS 'The tables whose rows are updated and deleted all the time. Question: does autovacuum keep up, is a table many times larger than what it holds? Reads statistics alone.';
COMMENT ON COLUMN mailproxy.hot_table.octets_per_row IS 'Size on disk by live row, dead ones and free space included; a queue row takes some 150.';
