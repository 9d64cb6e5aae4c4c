-- list_backlog: what the accounts of a tenant, or of all, have still to send; those with the most first.
-- $1 text tenant_id, null: all
-- Rows: tenant_id, its name, account_id, its name, messages that are not final, of these ready, sending, deferred and held, seconds since
--       the oldest that may go has been due (null: none is), seconds until all but the held ones are gone at the present pace (null: no
--       pace is known). At most 1000; an account with nothing to send has no row.
-- Locks: none.
-- Plan: one pass over the queue, see mailproxy.backlog_of(): 0.1 s for 200,000 messages that wait, on a busy machine.
-- Called by: backlog_get() in server/routes/backlog.c.
SELECT b.tenant_id, t.name, b.account_id, a.name, b.messages, b.ready, b.sending, b.deferred, b.held,
       floor(extract(epoch FROM now() - b.oldest_due_at))::bigint, floor(extract(epoch FROM b.drained_in))::bigint
  FROM mailproxy.backlog_of($1::text) b
       LEFT JOIN mailproxy.account a ON a.tenant_id = b.tenant_id AND a.account_id = b.account_id
       LEFT JOIN mailproxy.tenant t ON t.tenant_id = b.tenant_id
 ORDER BY b.messages DESC, b.tenant_id, b.account_id
 LIMIT 1000;
