-- create_partitions: the partitions of the days to come, by one process at a time.
-- Rows: how many were made; null: another one is at it.
-- Locks: advisory, for this transaction.
-- Called by: sweep_partitions() in worker/sweep/sweep.c, serve_make_partitions() in server/serve.c.
SELECT CASE WHEN pg_try_advisory_xact_lock(hashtext('mailproxy.create_partitions'))
            THEN mailproxy.create_partitions() END;
