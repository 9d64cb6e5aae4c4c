-- in_flight: which messages are in which worker's hands.
CREATE OR REPLACE VIEW mailproxy.in_flight AS
SELECT q.tenant_id, q.account_id, m.message_id, q.priority, q.attempts AS attempt, q.leased_at,
       date_trunc('milliseconds', now() - q.leased_at) AS age,
       q.lease_epoch AS worker, w.host, w.pid,
       w.ended_at IS NULL AND w.heartbeat_at >= now() - make_interval(secs => w.lease_s) AS worker_lives
  FROM mailproxy.queue q
  JOIN mailproxy.message m ON m.message_pk = q.message_pk
  LEFT JOIN mailproxy.worker w ON w.epoch = q.lease_epoch
 WHERE q.state = 'leased';
COMMENT ON VIEW mailproxy.in_flight IS 'Messages that a worker has claimed and not yet recorded. Question: what is being sent, by whom, and what has been in hand for too long? Reads the index of leases alone: as many rows as the workers hold.';
COMMENT ON COLUMN mailproxy.in_flight.attempt IS 'Claims of the message so far, this one included.';
COMMENT ON COLUMN mailproxy.in_flight.worker IS 'worker.epoch.';
COMMENT ON COLUMN mailproxy.in_flight.worker_lives IS 'false: the worker has ended or is silent, and another one will take the message over.';
