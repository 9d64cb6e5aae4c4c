-- read_backlog: what each account still has to send.
-- Rows: account_id, its name, tenant_id, its name, messages that are not final, seconds since the oldest that may go has
--       been due (0: none is); one for each account.
-- Locks: none.
-- Plan: one pass over the queue, see mailproxy.count_queue(): 0.2 s per million messages.
-- Called by: metrics_ask() in server/routes/metrics.c, which keeps the answer ten times as long as it took.
SELECT a.account_id, coalesce(a.name, a.account_id), a.tenant_id, coalesce(t.name, a.tenant_id),
       coalesce(q.pending, 0), coalesce(extract(epoch FROM now() - q.oldest_due_at), 0)
  FROM mailproxy.account a
  JOIN mailproxy.tenant t ON t.tenant_id = a.tenant_id
  LEFT JOIN mailproxy.count_queue() q ON q.tenant_id = a.tenant_id AND q.account_id = a.account_id
 ORDER BY a.tenant_id, a.account_id;
