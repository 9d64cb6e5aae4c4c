-- lock_tenant: the secrets of a tenant that is about to be replaced or changed.
-- $1 text tenant_id
-- Rows: client_auth_sealed, client_auth_key_id, report_secret_sealed, report_secret_key_id. None: no such tenant.
-- Locks: the tenant's row until the transaction ends.
-- Plan: primary key.
-- Called by: registration_write() in server/routes/registration.c.
SELECT t.client_auth_sealed, t.client_auth_key_id, t.report_secret_sealed, t.report_secret_key_id
  FROM mailproxy.tenant t
 WHERE t.tenant_id = $1::text
   FOR UPDATE;
