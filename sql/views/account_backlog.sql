-- account_backlog: what each account has still to send, and since when.
CREATE OR REPLACE VIEW mailproxy.account_backlog AS
SELECT q.tenant_id, q.account_id,
       count(*) FILTER (WHERE q.state = 'ready') AS ready,
       count(*) FILTER (WHERE q.state = 'leased') AS sending,
       count(*) FILTER (WHERE q.state = 'scheduled') AS deferred,
       count(*) FILTER (WHERE q.state = 'held') AS held,
       count(*) AS messages,
       min(q.due_at) FILTER (WHERE q.due_at <= now() AND q.state IN ('ready', 'scheduled')) AS oldest_due_at
  FROM mailproxy.queue q
 GROUP BY q.tenant_id, q.account_id;
COMMENT ON VIEW mailproxy.account_backlog IS 'Messages that are not final, by account and state; an account with none has no row. oldest_due_at: since when the oldest that may go has been due. Reads the whole queue.';
