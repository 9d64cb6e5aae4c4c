-- retry_messages: deferred messages are tried now, before their time.
-- $1 text tenant_id  $2 text account_id, null: any  $3 text batch_code, null: any  $4 text[] message ids, null: any
-- $5 boolean change nothing  $6 text who gave the command, for the command log
-- Rows: how many were (or would be), how many more fit; none: there is no such tenant, or it has no such account.
-- Locks: see mailproxy.retry_now(), which also notes it in the command log.
-- Plan: see mailproxy.match_messages(); where neither ids nor a batch are named, it goes through the tenant's messages.
-- Called by: requeue_run() in server/routes/requeue.c.
WITH asked AS MATERIALIZED (SELECT set_config('mailproxy.actor', $6::text, true) AS by)
SELECT r.messages, r.remaining
  FROM asked
       CROSS JOIN mailproxy.tenant t
       CROSS JOIN LATERAL mailproxy.retry_now(CASE WHEN asked.by IS NOT NULL THEN t.tenant_id END, $2::text, $3::text, $4::text[], NULL, $5::boolean, 10000) r
 WHERE t.tenant_id = $1::text
   AND ($2::text IS NULL OR EXISTS (SELECT FROM mailproxy.account a WHERE a.tenant_id = $1::text AND a.account_id = $2::text));
