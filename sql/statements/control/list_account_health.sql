-- list_account_health: which accounts can send, which cannot, why; how much of their limits is left. Those that cannot come first.
-- $1 text tenant_id, null: all
-- Rows: tenant_id, account_id, name, host, port, state (ok, backed_off, at_limit, no_token, paused, suspended), reason, until when (seconds
--       since the epoch), failures in a row, connections in use, max_connections, when it was last claimed (seconds since the epoch), its
--       limits and its tenant's as JSON objects with commas between, whether it has a username, use_tls (null: by the port), tls_verify,
--       whether its client certificate has expired. At most 1000.
-- Locks: none.
-- Plan: one pass over the accounts and their states; of the limits of those that are shown, the rows of rate_bucket by primary key.
-- Called by: account_health_get() in server/routes/account_health.c.
WITH chosen AS MATERIALIZED (
    SELECT h.tenant_id, h.account_id, a.name, h.host, h.port, j.state, h.failures, h.served_at, a.max_connections, a.username, a.use_tls,
           a.tls_verify, a.tls_client_cert_expires_at,
           CASE j.state WHEN 'ok' THEN NULL
                        WHEN 'suspended' THEN CASE WHEN i.active THEN 'the tenant is suspended' ELSE 'the service is not active' END
                        ELSE h.reason END AS reason,
           CASE WHEN j.state IN ('backed_off', 'at_limit', 'no_token') THEN h.next_try_at END AS until_at
      FROM mailproxy.account_health h
           JOIN mailproxy.account a ON a.tenant_id = h.tenant_id AND a.account_id = h.account_id
           JOIN mailproxy.tenant t ON t.tenant_id = h.tenant_id
           CROSS JOIN mailproxy.instance i
           CROSS JOIN LATERAL (
               SELECT CASE WHEN h.state = 'paused' THEN 'paused'
                           WHEN NOT i.active OR '*' = ANY (t.suspended_batches) THEN 'suspended'
                           WHEN h.state IN ('backed off', 'to be tried', 'being tried') THEN 'backed_off'
                           WHEN h.state = 'at limit' THEN 'at_limit'
                           WHEN h.state = 'no access token' THEN 'no_token'
                           ELSE 'ok' END AS state) j
     WHERE $1::text IS NULL OR h.tenant_id = $1::text
     ORDER BY (j.state = 'ok'), h.tenant_id, h.account_id
     LIMIT 1000),
limits AS MATERIALIZED (
    SELECT r.tenant_id, r.account_id,
           string_agg(format('{"window":"%s","whole_tenant":%s,"limit":%s,"used":%s,"left":%s%s}', r.period,
                             CASE WHEN r.account_id IS NULL THEN 'true' ELSE 'false' END, r.most, r.taken + r.under_way, r.remaining,
                             ',"next_free_ts":' || ceil(extract(epoch FROM r.frees_at))), ',' ORDER BY r.period) AS windows
      FROM mailproxy.rate_status r
     WHERE r.tenant_id = ANY (ARRAY (SELECT c.tenant_id FROM chosen c))
       AND (r.account_id IS NULL OR r.account_id = ANY (ARRAY (SELECT c.account_id FROM chosen c)))
     GROUP BY r.tenant_id, r.account_id),
granted AS MATERIALIZED (
    SELECT g.tenant_id, g.account_id, sum(g.connections) AS connections
      FROM mailproxy.connection_grant g
           JOIN mailproxy.worker w ON w.epoch = g.lease_epoch AND w.ended_at IS NULL
     GROUP BY g.tenant_id, g.account_id)
SELECT c.tenant_id, c.account_id, c.name, c.host, c.port, c.state, c.reason, ceil(extract(epoch FROM c.until_at))::bigint, c.failures,
       coalesce(g.connections, 0), c.max_connections, floor(extract(epoch FROM c.served_at))::bigint,
       concat_ws(',', own.windows, shared.windows), c.username IS NOT NULL, c.use_tls, c.tls_verify,
       coalesce(c.tls_client_cert_expires_at <= now(), false)
  FROM chosen c
       LEFT JOIN limits own ON own.tenant_id = c.tenant_id AND own.account_id = c.account_id
       LEFT JOIN limits shared ON shared.tenant_id = c.tenant_id AND shared.account_id IS NULL
       LEFT JOIN granted g ON g.tenant_id = c.tenant_id AND g.account_id = c.account_id
 ORDER BY (c.state = 'ok'), c.tenant_id, c.account_id;
