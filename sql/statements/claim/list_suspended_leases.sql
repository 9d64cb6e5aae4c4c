-- list_suspended_leases: what a worker holds of what is suspended or paused.
-- $1 bigint worker epoch
-- Rows: lease_token, in order.
-- Locks: none.
-- Plan: index queue_leased, then primary keys.
-- Called by: suspension_seen() in worker/claim/suspension.c.
SELECT q.lease_token
  FROM mailproxy.queue q
       JOIN mailproxy.message m USING (message_pk)
       JOIN mailproxy.tenant t ON t.tenant_id = q.tenant_id
       JOIN mailproxy.account a ON a.tenant_id = q.tenant_id AND a.account_id = q.account_id
 WHERE q.state = 'leased' AND q.lease_epoch = $1::bigint
   AND (t.suspended_batches && ARRAY['*', m.batch_code] OR a.paused_at IS NOT NULL OR NOT (SELECT i.sends FROM mailproxy.instance i))
 ORDER BY q.lease_token;
