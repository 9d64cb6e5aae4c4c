-- store_token: the token endpoint gave an access token; whoever else waits for it finds it here.
-- $1 text tenant_id  $2 text account_id  $3 bigint lease_token  $4 bytea access token, sealed  $5 text its key id
-- $6 bytea refresh token, sealed, null: as before  $7 text its key id  $8 integer seconds it lasts, null: not said
-- $9 integer seconds before its end from which it is to be renewed
-- Rows: serial. None: the lease was lost, or the account is gone; the token is not to be used.
-- Locks: the account_token row.
-- Plan: primary key.
-- Called by: keeper_store() in worker/authorize/keeper.c.
UPDATE mailproxy.account_token t
   SET serial = t.serial + 1, access_token_sealed = $4::bytea, access_token_key_id = $5::text,
       refresh_token_sealed = coalesce($6::bytea, t.refresh_token_sealed),
       refresh_token_key_id = CASE WHEN $6::bytea IS NULL THEN t.refresh_token_key_id ELSE $7::text END,
       expires_at = now() + make_interval(secs => $8::integer),
       refresh_at = now() + make_interval(secs => $8::integer - $9::integer),
       lease_token = NULL, leased_until = NULL, last_error = NULL, retry_at = NULL
 WHERE t.tenant_id = $1::text AND t.account_id = $2::text AND t.lease_token = $3::bigint
RETURNING t.serial;
