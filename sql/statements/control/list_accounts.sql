-- list_accounts: the accounts of a tenant, or of all, by id; never a secret.
-- $1 text tenant_id, null: all
-- Rows: account_id, tenant_id, host, port, username, ttl_s, limit_per_minute, limit_per_hour, limit_per_day,
--       limit_behavior, use_tls, batch_size, created_at and updated_at in microseconds since the epoch,
--       is_pec_account, imap_host, imap_port, imap_user, imap_ssl, name, timeout_s, max_connections, tls_verify,
--       tls_ca, tls_pin, retry_delays as JSON, dsn_notify, dsn_ret, oauth_grant,
--       oauth_token_url, oauth_client_id, oauth_scope, oauth_client_auth, tls_client_cert, tls_client_cert_expires_at in microseconds since
--       the epoch, whether that is past, retry_max_age_s.
-- Locks: none.
-- Called by: accounts_list() in server/routes/accounts.c.
SELECT a.account_id, a.tenant_id, a.host, a.port, a.username, a.ttl_s, a.limit_per_minute, a.limit_per_hour,
       a.limit_per_day, a.limit_behavior, a.use_tls, a.batch_size,
       (extract(epoch FROM a.created_at) * 1000000)::bigint, (extract(epoch FROM a.updated_at) * 1000000)::bigint,
       a.is_pec_account, a.imap_host, a.imap_port, a.imap_user, a.imap_ssl, a.name, a.timeout_s, a.max_connections,
       a.tls_verify, a.tls_ca, a.tls_pin, array_to_json(a.retry_delays), a.dsn_notify, a.dsn_ret, a.oauth_grant,
       a.oauth_token_url, a.oauth_client_id, a.oauth_scope,
       CASE WHEN a.oauth_token_url IS NOT NULL THEN a.oauth_client_auth END, a.tls_client_cert,
       (extract(epoch FROM a.tls_client_cert_expires_at) * 1000000)::bigint,
       coalesce(a.tls_client_cert_expires_at <= now(), false), a.retry_max_age_s
  FROM mailproxy.account a
 WHERE $1::text IS NULL OR a.tenant_id = $1::text
 ORDER BY a.account_id, a.tenant_id;
