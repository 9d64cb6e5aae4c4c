-- read_service: the service as a whole.
-- Rows: one: messages in the workers' hands, workers alive, whether the service is active, schema version, whether a
--       restore is to be confirmed.
-- Locks: none.
-- Plan: indexes queue_leased and worker_alive, which hold little else.
-- Called by: metrics_ask() in server/routes/metrics.c.
SELECT (SELECT count(*) FROM mailproxy.queue q WHERE q.state = 'leased'),
       (SELECT count(*) FROM mailproxy.worker w
         WHERE w.ended_at IS NULL AND w.heartbeat_at >= now() - make_interval(secs => w.lease_s)),
       (SELECT i.active::integer FROM mailproxy.instance i),
       (SELECT max(m.version) FROM mailproxy.schema_migration m),
       (SELECT (i.restore_found_at IS NOT NULL)::integer FROM mailproxy.instance i);
