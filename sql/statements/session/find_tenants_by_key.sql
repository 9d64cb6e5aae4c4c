-- find_tenants_by_key: whose tokens are these?
-- $1 bytea[] SHA-256 of each token
-- Rows: place in the array from 1, tenant_id. None: nobody's, or it has expired.
-- Locks: none.
-- Plan: unique index on api_key_hash, once for each.
-- Called by: caller_find_jobs() in server/http/caller.c.
SELECT k.place, t.tenant_id
  FROM unnest($1::bytea[]) WITH ORDINALITY AS k (hash, place)
       CROSS JOIN LATERAL (
           SELECT t.tenant_id
             FROM mailproxy.tenant t
            WHERE t.api_key_hash = k.hash
              AND (t.api_key_expires_at IS NULL OR t.api_key_expires_at > now())
            LIMIT 1) t; -- so that no plan reads all tenants
