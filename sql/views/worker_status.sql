-- worker_status: who works, who has fallen silent, who has ended lately.
CREATE OR REPLACE VIEW mailproxy.worker_status AS
SELECT w.epoch AS worker, w.host, w.pid, w.version,
       CASE WHEN w.ended_at IS NOT NULL THEN w.ended_how
            WHEN w.heartbeat_at < now() - make_interval(secs => w.lease_s) THEN 'dead'
            WHEN w.heartbeat_at < now() - make_interval(secs => w.lease_s / 2.0) THEN 'silent'
            ELSE 'alive' END AS state,
       w.started_at, w.ended_at, w.heartbeat_at, date_trunc('milliseconds', now() - w.heartbeat_at) AS heartbeat_age, w.lease_s,
       coalesce(l.messages, 0) AS leases, l.oldest_leased_at, coalesce(c.connections, 0) AS connections
  FROM mailproxy.worker w
  LEFT JOIN (SELECT q.lease_epoch, count(*) AS messages, min(q.leased_at) AS oldest_leased_at
               FROM mailproxy.queue q
              WHERE q.state = 'leased'
              GROUP BY q.lease_epoch) l ON l.lease_epoch = w.epoch
  LEFT JOIN (SELECT g.lease_epoch, sum(g.connections) AS connections
               FROM mailproxy.connection_grant g
              GROUP BY g.lease_epoch) c ON c.lease_epoch = w.epoch
 WHERE w.ended_at IS NULL OR w.ended_at > now() - interval '1 day' OR l.messages > 0;
COMMENT ON VIEW mailproxy.worker_status IS 'Workers that live, those that ended within a day, and any that still has leases. Question: are the workers there, and do they hold what they do not send? Reads worker, connection_grant and the index of leases.';
COMMENT ON COLUMN mailproxy.worker_status.state IS 'alive; silent: no heartbeat for half of lease_s; dead: for all of it, another worker takes over what it holds; stopped: it said so itself; reaped: it was found dead and taken over.';
COMMENT ON COLUMN mailproxy.worker_status.leases IS 'Messages in its hands, counted.';
COMMENT ON COLUMN mailproxy.worker_status.connections IS 'To relays: how many it may hold, over all accounts.';
