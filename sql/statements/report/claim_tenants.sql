-- claim_tenants: lease tenants that are to be called, each to this worker alone.
-- $1 bigint worker epoch  $2 bigint[] lease tokens of the calls this worker knows of
-- $3 integer seconds after which an active tenant without news is polled while no rules are stored
-- $4 text time zone of the rules  $5 boolean tenant `default` can be called without a base URL of its own
-- $6 integer how many at most  $7 integer of these, how many at most whose last call failed
-- Rows: tenant_id, lease_token, news_seq, client_base_url, client_base_url_trusted, client_sync_path,
--       client_auth_sealed, client_auth_key_id, report_format, report_secret_sealed, report_secret_key_id,
--       whether its last call failed.
-- Those whose last call failed come first, by when they may be called again, but only as many as $7: they may hang again, and
-- the places of the others are not theirs to take.
-- A lease of our own epoch that we do not know of came with an answer that was lost: it is taken again.
-- What is suspended for a tenant is its sending: only the global switch stops reports and polls.
-- A tenant rests for a tenth of a second between two calls, even one that always has more for us.
-- Locks: the worker's own row, so that it cannot be reaped meanwhile; the leased tenant_sync rows; rows that another worker is claiming, or that get news just now, are skipped.
-- Plan: two passes over tenant_sync and tenant, which have a row for each tenant.
-- Called by: report_run_claim() in worker/report/report.c.
WITH alive AS MATERIALIZED (
    SELECT FROM mailproxy.worker WHERE epoch = $1::bigint AND ended_at IS NULL FOR SHARE
), polling AS MATERIALIZED (
    SELECT mailproxy.polling_interval($3::integer, $4::text) AS interval_s
)
UPDATE mailproxy.tenant_sync s
   SET lease_epoch = $1::bigint, lease_token = nextval('mailproxy.lease_token_seq'), leased_at = now()
  FROM mailproxy.tenant t
 WHERE t.tenant_id = s.tenant_id
   AND s.tenant_id = ANY (ARRAY (
           SELECT c.tenant_id
             FROM (VALUES (true, $7::integer), (false, $6::integer)) AS k (failed, most)
            CROSS JOIN LATERAL (
                  SELECT y.tenant_id
                    FROM mailproxy.tenant_sync y
                         JOIN mailproxy.tenant d ON d.tenant_id = y.tenant_id
                   WHERE (y.failures > 0) = k.failed
                     AND (y.lease_token IS NULL OR (y.lease_epoch = $1::bigint AND y.lease_token <> ALL ($2::bigint[])))
                     AND (y.called_at BETWEEN now() - interval '100 milliseconds' AND now()) IS NOT TRUE
                     AND EXISTS (SELECT FROM alive)
                     AND mailproxy.sync_is_due(y, d.active, (SELECT p.interval_s FROM polling p))
                     AND (d.client_base_url IS NOT NULL OR (d.tenant_id = 'default' AND $5::boolean))
                     AND (SELECT i.active FROM mailproxy.instance i WHERE i.instance_id = 1)
                   ORDER BY coalesce(y.retry_at, y.last_sync_at) NULLS FIRST
                   LIMIT k.most
                     FOR UPDATE OF y SKIP LOCKED) c
            LIMIT $6::integer))
RETURNING s.tenant_id, s.lease_token, s.news_seq, t.client_base_url, t.client_base_url_trusted, t.client_sync_path,
          t.client_auth_sealed, t.client_auth_key_id, t.report_format, t.report_secret_sealed, t.report_secret_key_id,
          s.failures > 0;
