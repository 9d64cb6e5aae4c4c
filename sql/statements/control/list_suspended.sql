-- list_suspended: the tenants, or the one tenant, of whom something is suspended.
-- $1 text tenant_id, null: all
-- Rows: tenant_id, a JSON array of what is suspended, ["*"] for all of it. At most 1000.
-- Locks: none.
-- Plan: reads every tenant where none is named: a row each, and few of them.
-- Called by: backlog_get() in server/routes/backlog.c.
SELECT t.tenant_id, array_to_json(t.suspended_batches)::text
  FROM mailproxy.tenant t
 WHERE ($1::text IS NULL OR t.tenant_id = $1::text) AND t.suspended_batches <> '{}'
 ORDER BY t.tenant_id
 LIMIT 1000;
