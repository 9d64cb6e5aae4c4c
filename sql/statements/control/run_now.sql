-- run_now: end the back-off of accounts, token endpoints and reports, and make the sync due.
-- $1 text tenant_id, null: all  $2 boolean also where the tenant asked not to be disturbed
-- Rows: none.
-- Locks: the gated account_state rows; scheduled queue rows that wait for their account (one that is locked is leaving that state
-- anyway, and is skipped); the account_token rows of endpoints that failed; tenant_sync rows. The first and the last in order.
-- Called by: control_run_now() in server/routes/control.c.
WITH closed AS MATERIALIZED (
    SELECT s.tenant_id, s.account_id
      FROM mailproxy.account_state s
     WHERE ($1::text IS NULL OR s.tenant_id = $1::text)
       AND (s.gate_until IS NOT NULL OR s.failures > 0)
     ORDER BY s.tenant_id, s.account_id
       FOR NO KEY UPDATE
), opened AS (
    UPDATE mailproxy.account_state s
       SET failures = 0, gate_until = NULL, gate_reason = NULL
      FROM closed c
     WHERE s.tenant_id = c.tenant_id AND s.account_id = c.account_id
), released AS (
    UPDATE mailproxy.queue q
       SET state = 'ready'
     WHERE q.message_pk = ANY (ARRAY(
               SELECT w.message_pk
                 FROM mailproxy.queue w
                WHERE w.waits_for_account AND w.state = 'scheduled' AND ($1::text IS NULL OR w.tenant_id = $1::text)
                  AND (SELECT count(*) FROM closed) >= 0 -- first
                  FOR UPDATE SKIP LOCKED))
    RETURNING 1
), asked AS (
    UPDATE mailproxy.account_token k
       SET last_error = NULL, retry_at = NULL
     WHERE ($1::text IS NULL OR k.tenant_id = $1::text) AND k.retry_at IS NOT NULL
       AND (SELECT count(*) FROM released) >= 0 -- first
    RETURNING 1
), listening AS MATERIALIZED (
    SELECT y.tenant_id
      FROM mailproxy.tenant_sync y
     WHERE ($1::text IS NULL OR y.tenant_id = $1::text) AND (SELECT count(*) FROM asked) >= 0 -- first
     ORDER BY y.tenant_id
       FOR UPDATE
)
UPDATE mailproxy.tenant_sync y
   SET retry_at = NULL,
       news_seq = y.news_seq + CASE WHEN $2::boolean OR y.last_sync_at IS NULL OR y.last_sync_at <= now()
                                    THEN 1 ELSE 0 END
  FROM listening l
 WHERE y.tenant_id = l.tenant_id;
