-- recover_leases: hand back what a claim leased whose answer never arrived.
-- $1 bigint worker epoch  $2 bigint[] lease tokens the worker knows of
-- Rows: how many went back. Those of a suspended batch become held. What was leased after this began stays: the backend of a
--       connection that broke may run it after all, later than the claims the worker has made since, whose tokens it cannot know.
-- Locks: shares the tenants of messages with a batch code (lock_suspended), then the queue rows.
-- Plan: index queue_leased.
-- Called by: take_recover() in worker/claim/take.c.
WITH suspended AS MATERIALIZED (
    SELECT mailproxy.lock_suspended(ARRAY(SELECT message_pk FROM mailproxy.queue
                                           WHERE state = 'leased' AND lease_epoch = $1::bigint
                                             AND leased_at < now() AND lease_token <> ALL ($2::bigint[]))) AS pks
), recovered AS (
    UPDATE mailproxy.queue q
       SET state = CASE WHEN q.message_pk = ANY (s.pks) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
           lease_token = NULL, lease_epoch = NULL, leased_at = NULL, attempts = greatest(q.attempts - 1, 0)
      FROM suspended s
     WHERE q.state = 'leased' AND q.lease_epoch = $1::bigint AND q.leased_at < now() AND q.lease_token <> ALL ($2::bigint[])
    RETURNING 1
)
SELECT count(*) FROM recovered;
