-- set_api_key: give a tenant a new token, or take the one it has.
-- $1 text tenant_id  $2 bytea SHA-256 of the token, null: none  $3 bigint expiry, seconds since the epoch, null: never
-- Rows: tenant_id. None: no such tenant.
-- Locks: the tenant's row.
-- Plan: primary key.
-- Called by: tenants_make_key() and tenants_drop_key() in server/routes/tenants.c.
UPDATE mailproxy.tenant t
   SET api_key_hash = $2::bytea, api_key_expires_at = to_timestamp($3::bigint), updated_at = now()
 WHERE t.tenant_id = $1::text
RETURNING t.tenant_id;
