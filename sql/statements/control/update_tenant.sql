-- update_tenant: change what is given of a tenant; null leaves a field as it is, an empty text empties it.
-- $1 text tenant_id  $2 text name  $3 boolean active  $4 text client_base_url  $5 boolean client_base_url_trusted
-- $6 text client_sync_path  $7 text client_attachment_path  $8 bytea client_auth_sealed  $9 text client_auth_key_id
-- $10 text report_format  $11 bytea report_secret_sealed  $12 text report_secret_key_id
-- $13 text rate_limits, JSON  $14 text large_file_config, JSON  $15 integer[] retry_delays
-- $16 integer retry_max_age_s  $17 boolean the report secret ends
-- Rows: none.
-- Locks: the tenant's row.
-- Plan: primary key.
-- Called by: registration_store() in server/routes/registration.c.
UPDATE mailproxy.tenant t
   SET name = coalesce($2::text, t.name),
       active = coalesce($3::boolean, t.active),
       client_base_url = nullif(coalesce($4::text, t.client_base_url), ''),
       client_base_url_trusted = CASE WHEN $4::text IS NULL THEN t.client_base_url_trusted ELSE $5::boolean END,
       client_sync_path = nullif(coalesce($6::text, t.client_sync_path), ''),
       client_attachment_path = nullif(coalesce($7::text, t.client_attachment_path), ''),
       client_auth_sealed = coalesce($8::bytea, t.client_auth_sealed),
       client_auth_key_id = coalesce($9::text, t.client_auth_key_id),
       report_format = coalesce($10::text::mailproxy.report_format, t.report_format),
       report_secret_sealed = CASE WHEN NOT $17::boolean THEN coalesce($11::bytea, t.report_secret_sealed) END,
       report_secret_key_id = CASE WHEN NOT $17::boolean THEN coalesce($12::text, t.report_secret_key_id) END,
       rate_limits = coalesce($13::text::jsonb, t.rate_limits),
       large_file_config = coalesce($14::text::jsonb, t.large_file_config),
       retry_delays = coalesce($15::integer[], t.retry_delays),
       retry_max_age_s = coalesce($16::integer, t.retry_max_age_s),
       updated_at = now()
 WHERE t.tenant_id = $1::text;
