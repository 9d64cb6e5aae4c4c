-- upsert_tenant: create a tenant or replace its fields; its suspension stays, and its token unless a new one is given.
-- $1 text tenant_id  $2 text name  $3 boolean active, null: true  $4 text client_base_url  $5 boolean client_base_url_trusted
-- $6 text client_sync_path  $7 text client_attachment_path  $8 bytea client_auth_sealed  $9 text client_auth_key_id
-- $10 text report_format, null: event  $11 bytea report_secret_sealed  $12 text report_secret_key_id
-- $13 text rate_limits, JSON  $14 text large_file_config, JSON  $15 integer[] retry_delays
-- $16 integer retry_max_age_s  $17 bytea api_key_hash, null: the token stays as it is
-- Rows: none.
-- Locks: the tenant's row.
-- Plan: primary keys.
-- Called by: registration_store() in server/routes/registration.c.
WITH written AS (
    INSERT INTO mailproxy.tenant AS t (
               tenant_id, name, active, client_base_url, client_base_url_trusted, client_sync_path,
               client_attachment_path, client_auth_sealed, client_auth_key_id, report_format, report_secret_sealed,
               report_secret_key_id, rate_limits, large_file_config, retry_delays, retry_max_age_s, api_key_hash)
        VALUES ($1::text, $2::text, coalesce($3::boolean, true), nullif($4::text, ''),
                $5::boolean AND coalesce($4::text, '') <> '', nullif($6::text, ''), nullif($7::text, ''), $8::bytea, $9::text,
                coalesce($10::text, 'event')::mailproxy.report_format, $11::bytea,
                $12::text, $13::text::jsonb, $14::text::jsonb, $15::integer[], $16::integer, $17::bytea)
    ON CONFLICT (tenant_id) DO UPDATE
           SET name = excluded.name, active = excluded.active, client_base_url = excluded.client_base_url,
               client_base_url_trusted = excluded.client_base_url_trusted,
               client_sync_path = excluded.client_sync_path,
               client_attachment_path = excluded.client_attachment_path,
               client_auth_sealed = excluded.client_auth_sealed, client_auth_key_id = excluded.client_auth_key_id,
               report_format = excluded.report_format, report_secret_sealed = excluded.report_secret_sealed,
               report_secret_key_id = excluded.report_secret_key_id, rate_limits = excluded.rate_limits,
               large_file_config = excluded.large_file_config, retry_delays = excluded.retry_delays,
               retry_max_age_s = excluded.retry_max_age_s,
               api_key_hash = coalesce(excluded.api_key_hash, t.api_key_hash),
               api_key_expires_at = CASE WHEN excluded.api_key_hash IS NULL THEN t.api_key_expires_at END,
               updated_at = now()
     RETURNING t.tenant_id)
INSERT INTO mailproxy.tenant_sync (tenant_id)
SELECT w.tenant_id FROM written w
ON CONFLICT (tenant_id) DO NOTHING;
