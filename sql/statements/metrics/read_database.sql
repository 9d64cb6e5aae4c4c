-- read_database: whether the database has room: for the days to come, for vacuum, for connections.
-- Rows: one: days after today for which each table that is stored by the day has its partition (14 at most; -1: not even today),
--       transactions since the oldest snapshot that somebody holds, connections there are, connections there may be.
-- A role that is not in pg_read_all_stats sees of others' sessions what is asked for here, and no more. Vacuum's own are left out: they
-- have no user, and hold nothing back.
-- Locks: none.
-- Plan: the catalog, by name; no table of ours.
-- Called by: metrics_ask() in server/routes/metrics.c.
SELECT (SELECT coalesce(min(d.ahead), 15) - 1
          FROM generate_series(0, 14) AS d (ahead)
         CROSS JOIN unnest(ARRAY['message_body', 'message_attachment', 'attempt', 'event']) AS p (parent)
         WHERE to_regclass('mailproxy.' || p.parent || '_' || to_char((now() AT TIME ZONE 'UTC')::date + d.ahead, 'YYYYMMDD')) IS NULL),
       (SELECT coalesce(max(h.transactions), 0)
          FROM (SELECT greatest(age(a.backend_xmin), age(a.backend_xid)) AS transactions
                  FROM pg_catalog.pg_stat_activity a
                 WHERE a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid()
                 UNION ALL
                SELECT age(p.transaction) FROM pg_catalog.pg_prepared_xacts p
                 UNION ALL
                SELECT greatest(age(s.xmin), age(s.catalog_xmin)) FROM pg_catalog.pg_replication_slots s) h),
       (SELECT coalesce(sum(b.numbackends), 0) FROM pg_catalog.pg_stat_database b),
       current_setting('max_connections')::integer;
