-- run_now: end the back-off of accounts, token endpoints and reports, and make the sync due.
-- $1 text tenant_id, null: all  $2 boolean also where the tenant asked not to be disturbed
-- Rows: none.
-- Locks: the gated account_state rows, the account_token rows of endpoints that failed, and the tenant_sync rows.
-- Called by: control_run_now() in server/routes/control.c.
WITH opened AS (
    UPDATE mailproxy.account_state s
       SET failures = 0, gate_until = NULL, gate_reason = NULL
     WHERE ($1::text IS NULL OR s.tenant_id = $1::text)
       AND (s.gate_until IS NOT NULL OR s.failures > 0)
), asked AS (
    UPDATE mailproxy.account_token k
       SET last_error = NULL, retry_at = NULL
     WHERE ($1::text IS NULL OR k.tenant_id = $1::text) AND k.retry_at IS NOT NULL
)
UPDATE mailproxy.tenant_sync y
   SET retry_at = NULL,
       news_seq = y.news_seq + CASE WHEN $2::boolean OR y.last_sync_at IS NULL OR y.last_sync_at <= now()
                                    THEN 1 ELSE 0 END
 WHERE $1::text IS NULL OR y.tenant_id = $1::text;
