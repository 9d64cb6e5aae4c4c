-- find_tenant_by_key: whose token is this?
-- $1 bytea SHA-256 of the token
-- Rows: tenant_id. None: nobody's, or it has expired.
-- Locks: none.
-- Plan: unique index on api_key_hash.
-- Called by: auth_find_caller() in server/http/auth.c.
SELECT t.tenant_id
  FROM mailproxy.tenant t
 WHERE t.api_key_hash = $1::bytea
   AND (t.api_key_expires_at IS NULL OR t.api_key_expires_at > now());
