-- account_health: which accounts can send, which cannot, why, and when they are tried again.
CREATE OR REPLACE VIEW mailproxy.account_health AS
SELECT s.tenant_id, s.account_id, a.host, a.port,
       CASE WHEN a.paused_at IS NOT NULL THEN 'paused'
            WHEN s.failures > 0 AND p.is_tried THEN 'being tried'
            WHEN s.failures > 0 AND s.gate_until > now() THEN 'backed off'
            WHEN s.failures > 0 THEN 'to be tried'
            WHEN s.gate_until > now() THEN 'at limit'
            WHEN k.retry_at > now() THEN 'no access token'
            WHEN s.crowded_until > now() THEN 'crowded'
            ELSE 'ok' END AS state,
       CASE WHEN a.paused_at IS NOT NULL THEN a.paused_reason
            WHEN s.failures > 0 OR s.gate_until > now() THEN s.gate_reason
            WHEN k.retry_at > now() THEN k.last_error END AS reason,
       s.failures, CASE WHEN s.failures > 0 THEN s.failing_since END AS failing_since,
       CASE WHEN a.paused_at IS NOT NULL THEN NULL
            WHEN s.failures > 0 OR s.gate_until > now() THEN greatest(s.gate_until, now())
            WHEN k.retry_at > now() THEN k.retry_at
            WHEN s.crowded_until > now() THEN s.crowded_until END AS next_try_at,
       s.served_at
  FROM mailproxy.account_state s
  JOIN mailproxy.account a ON a.tenant_id = s.tenant_id AND a.account_id = s.account_id
  LEFT JOIN mailproxy.account_token k ON k.tenant_id = s.tenant_id AND k.account_id = s.account_id AND k.account_version = a.version
 CROSS JOIN LATERAL (
       SELECT s.failures > 0
              AND EXISTS (SELECT FROM mailproxy.worker w
                            JOIN mailproxy.queue q ON q.state = 'leased' AND q.lease_epoch = w.epoch
                                                  AND q.tenant_id = s.tenant_id AND q.account_id = s.account_id
                           WHERE w.ended_at IS NULL) AS is_tried) p;
COMMENT ON VIEW mailproxy.account_health IS 'One row for each account. Question: which relay is down or refuses us, since when, and when is it tried again? Reads accounts, their states and tokens; no message.';
COMMENT ON COLUMN mailproxy.account_health.state IS 'ok; paused: until mailproxy.resume(); backed off: its relay or login failed, it is passed by until next_try_at; to be tried: that time is over; being tried: one worker is at it; at limit: a rate limit (rate_status); no access token: its token endpoint gave none; crowded: other workers have all its connections.';
COMMENT ON COLUMN mailproxy.account_health.failures IS 'In a row; the back-off doubles with each.';
COMMENT ON COLUMN mailproxy.account_health.next_try_at IS 'Sooner: run-now, or an update of the account.';
COMMENT ON COLUMN mailproxy.account_health.served_at IS 'When messages of it were last claimed, or when the account was made.';
