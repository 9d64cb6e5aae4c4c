-- list_tenants: one tenant, or all of them, by id.
-- $1 text tenant_id, null: all  $2 boolean only the active ones
-- Rows: tenant_id, name, client_auth_sealed, client_auth_key_id, client_base_url, client_sync_path,
--       client_attachment_path, rate_limits, large_file_config, active, report_format, whether it has a report
--       secret, retry_delays as JSON, created_at and updated_at in microseconds since the epoch, retry_max_age_s.
-- Locks: none.
-- Called by: tenants_get() and tenants_list() in server/routes/tenants.c.
SELECT t.tenant_id, t.name, t.client_auth_sealed, t.client_auth_key_id, t.client_base_url, t.client_sync_path,
       t.client_attachment_path, t.rate_limits, t.large_file_config, t.active, t.report_format,
       t.report_secret_sealed IS NOT NULL, array_to_json(t.retry_delays),
       (extract(epoch FROM t.created_at) * 1000000)::bigint, (extract(epoch FROM t.updated_at) * 1000000)::bigint,
       t.retry_max_age_s
  FROM mailproxy.tenant t
 WHERE ($1::text IS NULL OR t.tenant_id = $1::text)
   AND (t.active OR NOT $2::boolean)
 ORDER BY t.tenant_id;
