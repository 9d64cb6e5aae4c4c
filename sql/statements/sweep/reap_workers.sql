-- reap_workers: end the workers whose heartbeat ran out, and let others take over what they held.
-- $1 bigint our own epoch, never reaped here. A worker whose own heartbeat is late, or was late within the last half lease,
-- reaps nobody: the database may have stood still for all alike, and the others are about to report back.
-- Rows: per message taken over: message_pk, tenant_id, message_id, account_id, epoch, attempt.
-- Locks: the dead workers' rows (one that another worker is reaping is skipped), shares the tenants of messages with a batch
-- code (lock_suspended), then the leases and rate_bucket rows; account_state rows are shared, and counters of epoch 0 written, in
-- order; tenant_sync rows. Messages of a suspended batch become held.
-- A claim that was committed just when its worker was given up may have escaped the statement that did so: leases of workers
-- that ended within the last hour are taken over as well.
-- A message taken over is in doubt: the relay may have taken it. An attempt row says so, and it counts against rate limits.
-- Called by: sweep_reap() in worker/sweep/sweep.c.
WITH dead AS (
    UPDATE mailproxy.worker w
       SET ended_at = now(), ended_how = 'reaped', in_flight = 0
     WHERE w.epoch = ANY (ARRAY(
               SELECT epoch FROM mailproxy.worker
                WHERE ended_at IS NULL AND epoch <> $1::bigint AND heartbeat_at < now() - make_interval(secs => lease_s)
                  AND EXISTS (SELECT FROM mailproxy.worker own
                               WHERE own.epoch = $1::bigint AND own.ended_at IS NULL
                                 AND own.heartbeat_at > now() - make_interval(secs => own.lease_s / 2.0)
                                 AND own.steady_since < now() - make_interval(secs => own.lease_s / 2.0))
                  FOR UPDATE SKIP LOCKED))
    RETURNING w.epoch
), gone AS MATERIALIZED (
    SELECT epoch FROM dead
     UNION
    SELECT epoch FROM mailproxy.worker WHERE ended_at > now() - interval '1 hour'
), suspended AS MATERIALIZED (
    SELECT mailproxy.lock_suspended(ARRAY(SELECT q.message_pk FROM gone JOIN mailproxy.queue q ON q.lease_epoch = gone.epoch
                                           WHERE q.state = 'leased')) AS pks
), freed AS (
    UPDATE mailproxy.queue q
       SET state = CASE WHEN q.message_pk = ANY (s.pks) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
           lease_token = NULL, lease_epoch = NULL, leased_at = NULL
      FROM suspended s, gone
     WHERE q.state = 'leased' AND q.lease_epoch = gone.epoch
    RETURNING q.message_pk, q.tenant_id, q.account_id, q.attempts, gone.epoch
), stamped AS MATERIALIZED (
    SELECT mailproxy.stamp_rates(array_agg(tenant_id), array_agg(account_id), array_agg(messages))
      FROM (SELECT tenant_id, account_id, count(*)::integer AS messages FROM freed GROUP BY tenant_id, account_id) f
    HAVING count(*) > 0
), hung_up AS (
    UPDATE mailproxy.tenant_sync s SET lease_token = NULL, lease_epoch = NULL, leased_at = NULL
      FROM gone
     WHERE s.lease_epoch = gone.epoch AND (SELECT count(*) FROM stamped) >= 0 -- first
), disconnected AS (
    DELETE FROM mailproxy.connection_grant c
     USING gone
     WHERE c.lease_epoch = gone.epoch
), doubted AS (
    INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, in_doubt, tenant_id, account_id, reply)
    SELECT message_pk, epoch, attempts, 'deferred', true, tenant_id, account_id,
           'the worker died while it held the message: the relay may have taken it'
      FROM freed
), counted AS (
    INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, in_doubt)
    SELECT f.tenant_id, f.account_id, 0, count(*)
      FROM freed f
      JOIN mailproxy.account_state s ON s.tenant_id = f.tenant_id AND s.account_id = f.account_id
     GROUP BY f.tenant_id, f.account_id
     ORDER BY f.tenant_id, f.account_id
    ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE SET in_doubt = c.in_doubt + excluded.in_doubt
)
SELECT f.message_pk, f.tenant_id, m.message_id, f.account_id, f.epoch, f.attempts
  FROM freed f
  JOIN mailproxy.message m ON m.message_pk = f.message_pk
 WHERE (SELECT count(*) FROM stamped) >= 0;
