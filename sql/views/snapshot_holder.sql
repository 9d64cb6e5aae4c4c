-- snapshot_holder: who keeps dead rows from being removed.
CREATE OR REPLACE VIEW mailproxy.snapshot_holder AS
SELECT h.kind, h.pid, h.name, h.application_name, h.state, h.since, date_trunc('seconds', now() - h.since) AS age, h.transactions,
       h.query, h.how_to_end
  FROM (SELECT 'session' AS kind, a.pid, a.usename::text AS name, a.application_name, a.state, a.xact_start AS since,
               greatest(age(a.backend_xmin), age(a.backend_xid)) AS transactions, left(a.query, 100) AS query,
               format('SELECT pg_terminate_backend(%s)', a.pid) AS how_to_end
          FROM pg_catalog.pg_stat_activity a
         WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.pid <> pg_backend_pid()
           AND a.backend_type <> 'autovacuum worker'
         UNION ALL
        SELECT 'prepared transaction', NULL, p.gid, NULL, NULL, p.prepared, age(p.transaction), NULL,
               format('ROLLBACK PREPARED %L', p.gid)
          FROM pg_catalog.pg_prepared_xacts p
         UNION ALL
        SELECT 'replication slot', s.active_pid, s.slot_name::text, NULL, CASE WHEN s.active THEN 'active' ELSE 'inactive' END, NULL,
               greatest(age(s.xmin), age(s.catalog_xmin)), NULL, format('SELECT pg_drop_replication_slot(%L)', s.slot_name)
          FROM pg_catalog.pg_replication_slots s
         WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL) h;
COMMENT ON VIEW mailproxy.snapshot_holder IS 'Sessions, prepared transactions and replication slots that hold a snapshot or a transaction, in any database of the cluster. Question: why do dead rows stay, and the queue grow on disk? A role that is not in pg_read_all_stats sees less of others'' sessions.';
COMMENT ON COLUMN mailproxy.snapshot_holder.since IS 'When the transaction began; null: not known, see transactions.';
COMMENT ON COLUMN mailproxy.snapshot_holder.transactions IS 'How many transactions have begun since: rows that died after that stay.';
COMMENT ON COLUMN mailproxy.snapshot_holder.how_to_end IS 'To be run once it is known whose it is.';
