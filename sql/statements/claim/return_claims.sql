-- return_claims: hand messages back untried, as if they had never been claimed.
-- $1 bigint[] message_pk  $2 bigint[] lease_token
-- Rows: none that matter. A claim whose token is no longer the row's is left alone; one of a suspended batch becomes held.
-- Locks: shares the tenants of messages with a batch code (lock_suspended), then the queue rows.
-- Plan: primary keys.
-- Called by: take_return_now() in worker/claim/take.c.
WITH suspended AS MATERIALIZED (
    SELECT mailproxy.lock_suspended($1::bigint[]) AS pks
), returned AS MATERIALIZED (
    SELECT q.message_pk, q.message_pk = ANY (s.pks) AS suspended
      FROM suspended s
     CROSS JOIN (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS c (message_pk, lease_token) ORDER BY message_pk) c
     CROSS JOIN LATERAL ( -- by itself: else a plan made while the queue was empty reads all of it
           SELECT * FROM mailproxy.queue q WHERE q.message_pk = c.message_pk AND q.lease_token = c.lease_token FOR UPDATE) q
)
UPDATE mailproxy.queue q
   SET state = CASE WHEN r.suspended THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
       lease_token = NULL, lease_epoch = NULL, leased_at = NULL, attempts = greatest(q.attempts - 1, 0)
  FROM returned r
 WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM returned)) AND r.message_pk = q.message_pk;
