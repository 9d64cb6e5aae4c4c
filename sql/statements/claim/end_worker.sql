-- end_worker: the worker says goodbye; what it still holds goes back.
-- $1 bigint epoch
-- Rows: messages and tenant calls handed back. Messages of a suspended batch become held. What the worker holds it was sending
--       when its time was over: the relay may have it, so it counts against rate limits.
-- Locks: the worker's row, shares the tenants of messages with a batch code (lock_suspended), then its leases, rate_bucket rows
--        and tenant_sync rows.
-- Plan: index queue_leased.
-- Called by: lease_end() in worker/claim/lease.c.
WITH ended AS (
    UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'stopped', in_flight = 0
     WHERE epoch = $1::bigint AND ended_at IS NULL
), suspended AS MATERIALIZED (
    SELECT mailproxy.lock_suspended(ARRAY(SELECT message_pk FROM mailproxy.queue
                                           WHERE state = 'leased' AND lease_epoch = $1::bigint)) AS pks
), returned AS (
    UPDATE mailproxy.queue q
       SET state = CASE WHEN q.message_pk = ANY (s.pks) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
           lease_token = NULL, lease_epoch = NULL, leased_at = NULL
      FROM suspended s
     WHERE q.state = 'leased' AND q.lease_epoch = $1::bigint
    RETURNING q.message_pk, q.tenant_id, q.account_id
), stamped AS MATERIALIZED (
    SELECT mailproxy.stamp_rates(array_agg(tenant_id), array_agg(account_id), array_agg(messages))
      FROM (SELECT tenant_id, account_id, count(*)::integer AS messages FROM returned GROUP BY tenant_id, account_id) r
    HAVING count(*) > 0
), disconnected AS (
    DELETE FROM mailproxy.connection_grant WHERE lease_epoch = $1::bigint
), hung_up AS (
    UPDATE mailproxy.tenant_sync SET lease_token = NULL, lease_epoch = NULL, leased_at = NULL
     WHERE lease_epoch = $1::bigint AND (SELECT count(*) FROM stamped) >= 0 -- first
    RETURNING tenant_id
)
SELECT (SELECT count(*) FROM returned), (SELECT count(*) FROM hung_up)
 WHERE (SELECT count(*) FROM stamped) >= 0;
