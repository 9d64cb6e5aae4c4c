-- tenant_backlog: what each tenant has still to send, since when, and when that will be done.
-- Needs: account_backlog
CREATE OR REPLACE VIEW mailproxy.tenant_backlog WITH (security_invoker = true) AS
SELECT b.tenant_id, count(*) AS accounts, sum(b.messages)::bigint AS messages, sum(b.ready)::bigint AS ready,
       sum(b.sending)::bigint AS sending, sum(b.deferred)::bigint AS deferred, sum(b.held)::bigint AS held,
       min(b.oldest_due_at) AS oldest_due_at, sum(b.per_minute) AS per_minute,
       CASE WHEN bool_and(b.drained_in IS NOT NULL OR b.messages = b.held) THEN max(b.drained_in) END AS drained_in,
       max(t.suspended_batches) AS suspended_batches
  FROM mailproxy.account_backlog b
  JOIN mailproxy.tenant t ON t.tenant_id = b.tenant_id
 GROUP BY b.tenant_id;
COMMENT ON VIEW mailproxy.tenant_backlog IS 'Messages that are not final, by tenant; a tenant with none has no row. Question: who is holding up the queue? Costs what account_backlog does.';
COMMENT ON COLUMN mailproxy.tenant_backlog.accounts IS 'Accounts with a backlog.';
COMMENT ON COLUMN mailproxy.tenant_backlog.drained_in IS 'Of its slowest account; null: the pace of one is not known.';
COMMENT ON COLUMN mailproxy.tenant_backlog.suspended_batches IS '{*}: the tenant is suspended as a whole, nothing of it is sent; otherwise the batch codes whose messages are held.';
