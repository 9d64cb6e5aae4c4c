-- upsert_account: create an account or replace all its fields; what made it wait so far is forgotten.
-- $1 text tenant_id  $2 text account_id  $3 text name  $4 text host  $5 integer port  $6 text username
-- $7 bytea password_sealed  $8 text password_key_id  $9 boolean use_tls  $10 boolean tls_verify  $11 text tls_ca
-- $12 text tls_pin  $13 integer timeout_s  $14 integer ttl_s  $15 integer max_connections  $16 integer batch_size
-- $17 integer limit_per_minute  $18 integer limit_per_hour  $19 integer limit_per_day  $20 text limit_behavior
-- $21 integer[] retry_delays  $22 boolean is_pec_account  $23 text imap_host  $24 integer imap_port  $25 text imap_user
-- $26 bytea imap_password_sealed  $27 text imap_password_key_id  $28 boolean imap_ssl
-- $29 text dsn_notify  $30 text dsn_ret, in any case  $31 text oauth_grant
-- $32 text oauth_token_url  $33 text oauth_client_id  $34 text oauth_scope  $35 bytea oauth_client_secret_sealed
-- $36 text its key id  $37 bytea oauth_refresh_token_sealed  $38 text its key id  $39 bytea oauth_token_sealed
-- $40 text its key id  $41 text oauth_client_auth, null: body  $42 text tls_client_cert  $43 bigint its end, seconds since the epoch
-- $44 bytea tls_client_key_sealed  $45 text its key id  $46 integer retry_max_age_s
-- Rows: account_id. None: no such tenant.
-- Locks: the account's row and its state's, then scheduled queue rows that wait for it; one that is locked is skipped.
-- Plan: primary keys.
-- Called by: accounts_post() in server/routes/accounts.c.
WITH written AS (
    INSERT INTO mailproxy.account AS a (
               tenant_id, account_id, name, host, port, username, password_sealed, password_key_id, use_tls,
               tls_verify, tls_ca, tls_pin, timeout_s, ttl_s, max_connections, batch_size, limit_per_minute,
               limit_per_hour, limit_per_day, limit_behavior, retry_delays, is_pec_account, imap_host, imap_port,
               imap_user, imap_password_sealed, imap_password_key_id, imap_ssl, dsn_notify, dsn_ret,
               oauth_grant, oauth_token_url, oauth_client_id, oauth_scope, oauth_client_secret_sealed,
               oauth_client_secret_key_id, oauth_refresh_token_sealed, oauth_refresh_token_key_id,
               oauth_token_sealed, oauth_token_key_id, oauth_client_auth, tls_client_cert, tls_client_cert_expires_at,
               tls_client_key_sealed, tls_client_key_key_id, retry_max_age_s)
    SELECT t.tenant_id, $2::text, $3::text, $4::text, $5::integer, $6::text, $7::bytea, $8::text, $9::boolean,
           $10::boolean, $11::text, $12::text, $13::integer, $14::integer, $15::integer, $16::integer, $17::integer,
           $18::integer, $19::integer, $20::text, $21::integer[], $22::boolean, $23::text, $24::integer,
           $25::text, $26::bytea, $27::text, $28::boolean, upper($29::text), upper($30::text),
           $31::text::mailproxy.oauth_grant, $32::text, $33::text, $34::text, $35::bytea, $36::text, $37::bytea,
           $38::text, $39::bytea, $40::text, coalesce($41::text, 'body')::mailproxy.oauth_client_auth, $42::text, to_timestamp($43::bigint), $44::bytea, $45::text, $46::integer
      FROM mailproxy.tenant t
     WHERE t.tenant_id = $1::text
    ON CONFLICT (tenant_id, account_id) DO UPDATE
           SET name = excluded.name, host = excluded.host, port = excluded.port, username = excluded.username,
               password_sealed = excluded.password_sealed, password_key_id = excluded.password_key_id,
               use_tls = excluded.use_tls, tls_verify = excluded.tls_verify, tls_ca = excluded.tls_ca,
               tls_pin = excluded.tls_pin, timeout_s = excluded.timeout_s, ttl_s = excluded.ttl_s,
               max_connections = excluded.max_connections, batch_size = excluded.batch_size,
               limit_per_minute = excluded.limit_per_minute, limit_per_hour = excluded.limit_per_hour,
               limit_per_day = excluded.limit_per_day, limit_behavior = excluded.limit_behavior,
               retry_delays = excluded.retry_delays, is_pec_account = excluded.is_pec_account,
               imap_host = excluded.imap_host, imap_port = excluded.imap_port, imap_user = excluded.imap_user,
               imap_password_sealed = excluded.imap_password_sealed,
               imap_password_key_id = excluded.imap_password_key_id, imap_ssl = excluded.imap_ssl,
               dsn_notify = excluded.dsn_notify, dsn_ret = excluded.dsn_ret,
               oauth_grant = excluded.oauth_grant, oauth_token_url = excluded.oauth_token_url,
               oauth_client_id = excluded.oauth_client_id, oauth_scope = excluded.oauth_scope,
               oauth_client_secret_sealed = excluded.oauth_client_secret_sealed,
               oauth_client_secret_key_id = excluded.oauth_client_secret_key_id,
               oauth_refresh_token_sealed = excluded.oauth_refresh_token_sealed,
               oauth_refresh_token_key_id = excluded.oauth_refresh_token_key_id,
               oauth_token_sealed = excluded.oauth_token_sealed, oauth_token_key_id = excluded.oauth_token_key_id,
               oauth_client_auth = excluded.oauth_client_auth,
               tls_client_cert = excluded.tls_client_cert,
               tls_client_cert_expires_at = excluded.tls_client_cert_expires_at,
               tls_client_key_sealed = excluded.tls_client_key_sealed,
               tls_client_key_key_id = excluded.tls_client_key_key_id,
               retry_max_age_s = excluded.retry_max_age_s,
               version = a.version + 1, updated_at = now()
     RETURNING a.tenant_id, a.account_id
), opened AS (
    INSERT INTO mailproxy.account_state AS s (tenant_id, account_id)
    SELECT w.tenant_id, w.account_id FROM written w
    ON CONFLICT (tenant_id, account_id) DO UPDATE SET failures = 0, proven = false, failing_since = NULL, gate_until = NULL, gate_reason = NULL
    RETURNING s.account_id
), released AS (
    UPDATE mailproxy.queue q
       SET state = 'ready'
     WHERE q.message_pk = ANY (ARRAY(
               SELECT w.message_pk
                 FROM mailproxy.queue w
                WHERE w.waits_for_account AND w.state = 'scheduled' AND w.tenant_id = $1::text AND w.account_id = $2::text
                  AND (SELECT count(*) FROM opened) > 0 -- first
                  FOR UPDATE SKIP LOCKED))
)
SELECT account_id FROM opened;
