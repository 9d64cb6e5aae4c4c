-- take_token: the access token of an account, or the lease to get a new one, or neither: another worker has the lease.
-- $1 text tenant_id  $2 text account_id  $3 bigint version of the account  $4 bigint serial of a token the relay has
-- refused, 0: none  $5 integer lease, seconds
-- Rows: lease_token, serial, token, its key id, error (while the endpoint is left alone after it), oauth_grant,
-- oauth_token_url, oauth_client_id, oauth_scope, client secret, its key id, refresh token, its key id, newer refresh token,
-- its key id, oauth_client_auth. None: the account is gone or was changed, or has no token any more.
-- A token that is due for renewal is given out on until it expires, while it is being renewed or that has just failed.
-- Locks: the account's row, so that it cannot be deleted meanwhile, and where the token is due its account_token row.
-- Plan: primary keys.
-- Called by: keeper_take() in worker/authorize/keeper.c, when a connection is to be opened.
WITH wanted AS MATERIALIZED (
    SELECT a.*
      FROM mailproxy.account a
     WHERE a.tenant_id = $1::text AND a.account_id = $2::text AND a.version = $3::bigint AND a.oauth_grant IS NOT NULL
       FOR KEY SHARE OF a
), known AS MATERIALIZED (
    SELECT t.*,
           (t.leased_until IS NULL OR t.leased_until <= now()) AND (t.retry_at IS NULL OR t.retry_at <= now())
           AND (t.access_token_sealed IS NULL OR t.serial <= $4::bigint OR t.refresh_at <= now()) AS due
      FROM mailproxy.account_token t
     WHERE t.tenant_id = $1::text AND t.account_id = $2::text
), leased AS (
    INSERT INTO mailproxy.account_token AS t (tenant_id, account_id, account_version, lease_token, leased_until)
    SELECT w.tenant_id, w.account_id, w.version, nextval('mailproxy.lease_token_seq'),
           now() + make_interval(secs => $5::integer)
      FROM wanted w
      LEFT JOIN known k ON k.account_version = w.version
     WHERE w.oauth_grant <> 'token' AND coalesce(k.due, true)
    ON CONFLICT (tenant_id, account_id) DO UPDATE
           SET lease_token = excluded.lease_token, leased_until = excluded.leased_until,
               account_version = excluded.account_version,
               access_token_sealed = CASE t.account_version WHEN excluded.account_version THEN t.access_token_sealed END,
               access_token_key_id = CASE t.account_version WHEN excluded.account_version THEN t.access_token_key_id END,
               refresh_at = CASE t.account_version WHEN excluded.account_version THEN t.refresh_at END,
               expires_at = CASE t.account_version WHEN excluded.account_version THEN t.expires_at END,
               last_error = NULL, retry_at = NULL
         WHERE t.account_version <> excluded.account_version
            OR ((t.leased_until IS NULL OR t.leased_until <= now()) AND (t.retry_at IS NULL OR t.retry_at <= now())
                AND (t.access_token_sealed IS NULL OR t.serial <= $4::bigint OR t.refresh_at <= now()))
    RETURNING t.lease_token, t.refresh_token_sealed, t.refresh_token_key_id
)
SELECT l.lease_token, coalesce(k.serial, 0),
       CASE w.oauth_grant WHEN 'token' THEN w.oauth_token_sealed ELSE k.access_token_sealed END,
       CASE w.oauth_grant WHEN 'token' THEN w.oauth_token_key_id ELSE k.access_token_key_id END,
       e.last_error, w.oauth_grant, w.oauth_token_url, w.oauth_client_id, w.oauth_scope,
       w.oauth_client_secret_sealed, w.oauth_client_secret_key_id,
       w.oauth_refresh_token_sealed, w.oauth_refresh_token_key_id, l.refresh_token_sealed, l.refresh_token_key_id,
       w.oauth_client_auth
  FROM wanted w
  LEFT JOIN leased l ON true
  LEFT JOIN known k ON k.account_version = w.version AND k.serial > $4::bigint
                   AND (k.expires_at IS NULL OR k.expires_at > now())
  LEFT JOIN known e ON e.account_version = w.version AND e.retry_at > now();
