-- fail_token: the token endpoint gave no access token; it is left alone for a while, by all workers.
-- $1 text tenant_id  $2 text account_id  $3 bigint lease_token  $4 text error  $5 integer seconds until it may be asked again
-- Rows: none.
-- Locks: the account_token row.
-- Plan: primary key.
-- Called by: keeper_fail() in worker/authorize/keeper.c.
UPDATE mailproxy.account_token t
   SET lease_token = NULL, leased_until = NULL, last_error = $4::text,
       retry_at = now() + make_interval(secs => $5::integer)
 WHERE t.tenant_id = $1::text AND t.account_id = $2::text AND t.lease_token = $3::bigint;
