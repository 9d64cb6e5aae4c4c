-- 0011_oauth: accounts that log in with an access token instead of a password (RFC 7628, XOAUTH2).
CREATE TYPE mailproxy.oauth_grant AS ENUM ('token', 'client_credentials', 'refresh_token');
COMMENT ON TYPE mailproxy.oauth_grant IS 'Where an access token comes from: the account''s owner brought one, or a token endpoint gives it for a grant (RFC 6749 4.4, 6).';

ALTER TABLE mailproxy.account
    ADD COLUMN oauth_grant                mailproxy.oauth_grant,
    ADD COLUMN oauth_token_url            text,
    ADD COLUMN oauth_client_id            text,
    ADD COLUMN oauth_scope                text,
    ADD COLUMN oauth_client_secret_sealed bytea,
    ADD COLUMN oauth_client_secret_key_id text,
    ADD COLUMN oauth_refresh_token_sealed bytea,
    ADD COLUMN oauth_refresh_token_key_id text,
    ADD COLUMN oauth_token_sealed         bytea,
    ADD COLUMN oauth_token_key_id         text,
    ADD CONSTRAINT account_oauth_is_whole CHECK (
        CASE oauth_grant
            WHEN 'token' THEN oauth_token_sealed IS NOT NULL
                AND num_nonnulls(oauth_token_url, oauth_client_id, oauth_scope, oauth_client_secret_sealed, oauth_refresh_token_sealed) = 0
            WHEN 'client_credentials' THEN oauth_token_sealed IS NULL AND oauth_refresh_token_sealed IS NULL
                AND num_nulls(oauth_token_url, oauth_client_id, oauth_client_secret_sealed) = 0
            WHEN 'refresh_token' THEN oauth_token_sealed IS NULL
                AND num_nulls(oauth_token_url, oauth_client_id, oauth_refresh_token_sealed) = 0
            ELSE num_nonnulls(oauth_token_url, oauth_client_id, oauth_scope, oauth_client_secret_sealed,
                              oauth_refresh_token_sealed, oauth_token_sealed) = 0
        END),
    ADD CONSTRAINT account_oauth_needs_a_user CHECK (oauth_grant IS NULL OR username IS NOT NULL),
    ADD CONSTRAINT account_oauth_secrets_name_their_keys CHECK (
        num_nulls(oauth_client_secret_sealed, oauth_client_secret_key_id) IN (0, 2)
        AND num_nulls(oauth_refresh_token_sealed, oauth_refresh_token_key_id) IN (0, 2)
        AND num_nulls(oauth_token_sealed, oauth_token_key_id) IN (0, 2));
COMMENT ON COLUMN mailproxy.account.oauth_grant IS 'How the account comes by an access token; null: it logs in with a password, or not at all.';
COMMENT ON COLUMN mailproxy.account.oauth_token_url IS 'The token endpoint (RFC 6749 3.2).';
COMMENT ON COLUMN mailproxy.account.oauth_scope IS 'Sent as it is; null: the endpoint''s default.';
COMMENT ON COLUMN mailproxy.account.oauth_client_secret_sealed IS 'Sealed as password_sealed is; null: a public client.';
COMMENT ON COLUMN mailproxy.account.oauth_refresh_token_sealed IS 'As the account''s owner gave it; a newer one from the endpoint is in account_token.';
COMMENT ON COLUMN mailproxy.account.oauth_token_sealed IS 'An access token its owner brings and renews by updating the account.';

CREATE TABLE mailproxy.account_token (
    tenant_id            text COLLATE "C" NOT NULL,
    account_id           text COLLATE "C" NOT NULL,
    account_version      bigint NOT NULL,
    serial               bigint NOT NULL DEFAULT 0,
    access_token_sealed  bytea,
    access_token_key_id  text,
    refresh_token_sealed bytea,
    refresh_token_key_id text,
    refresh_at           timestamptz,
    expires_at           timestamptz,
    lease_token          bigint,
    leased_until         timestamptz,
    last_error           text,
    retry_at             timestamptz,
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account ON DELETE CASCADE,
    CONSTRAINT account_token_names_its_key CHECK (num_nulls(access_token_sealed, access_token_key_id) IN (0, 2)),
    CONSTRAINT account_token_refresh_names_its_key CHECK (num_nulls(refresh_token_sealed, refresh_token_key_id) IN (0, 2)),
    CONSTRAINT account_token_refresh_is_before_expiry CHECK (refresh_at <= expires_at),
    CONSTRAINT account_token_lease_is_whole CHECK (num_nulls(lease_token, leased_until) IN (0, 2)),
    CONSTRAINT account_token_error_is_whole CHECK (num_nulls(last_error, retry_at) IN (0, 2))
) WITH (fillfactor = 50);
COMMENT ON TABLE mailproxy.account_token IS 'The access token of an account that has a token endpoint, for all workers: one of them at a time renews it, under a lease.';
COMMENT ON COLUMN mailproxy.account_token.account_version IS 'The account''s version when it was asked for: under another one it is of no use.';
COMMENT ON COLUMN mailproxy.account_token.serial IS 'Counts the tokens of the account, so that whoever saw one refused can say which.';
COMMENT ON COLUMN mailproxy.account_token.access_token_sealed IS 'AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to tenant_id and account_id.';
COMMENT ON COLUMN mailproxy.account_token.refresh_token_sealed IS 'JSON, sealed: the newest refresh token, and the account''s own one that it descends from; null: none newer was given.';
COMMENT ON COLUMN mailproxy.account_token.refresh_at IS 'From then on a new one is asked for; null: when the relay refuses it, for nobody said when it expires.';
COMMENT ON COLUMN mailproxy.account_token.leased_until IS 'Until then one worker is asking the token endpoint; lease_token fences a late answer.';
COMMENT ON COLUMN mailproxy.account_token.last_error IS 'What the token endpoint answered last, if that was no token; it is not asked again before retry_at.';
