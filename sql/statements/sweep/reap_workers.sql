-- reap_workers: end the workers whose heartbeat ran out, and let others take over what they held.
-- $1 bigint our own epoch, never reaped here. A worker whose own heartbeat is late, or was late within the last half lease,
-- reaps nobody: the database may have stood still for all alike, and the others are about to report back.
-- Rows: per message taken over: message_pk, tenant_id, message_id, account_id, epoch, attempt.
-- Locks: the dead workers' rows, those that ended included (one that another worker is reaping is skipped); in take_over(), which does the rest, shares the
-- tenants of messages with a batch code (lock_suspended), then the leases and rate_bucket rows; account_state rows are shared, and
-- counters of epoch 0 written, in order; tenant_sync rows. Messages of a suspended batch become held.
-- A claim that was committed just when its worker was given up may have escaped the statement that did so: leases of workers
-- that ended within the last hour are looked for again, at intervals that double (worker.searched_at).
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
), searched AS (
    UPDATE mailproxy.worker w
       SET searched_at = now()
     WHERE w.epoch = ANY (ARRAY(
               SELECT epoch FROM mailproxy.worker
                WHERE ended_at > now() - interval '1 hour'
                  AND (searched_at IS NULL OR now() - searched_at >= searched_at - ended_at)
                  FOR UPDATE SKIP LOCKED))
    RETURNING w.epoch
), gone AS MATERIALIZED (
    SELECT epoch FROM dead UNION ALL SELECT epoch FROM searched
)
SELECT t.message_pk, t.tenant_id, t.message_id, t.account_id, t.epoch, t.attempts
  FROM (SELECT array_agg(epoch) AS epochs FROM gone HAVING count(*) > 0) g
 CROSS JOIN LATERAL mailproxy.take_over(g.epochs) t;
