-- 0005_instance: the deployment's own settings, and a command log that is read by time.
ALTER TABLE mailproxy.instance
    ADD COLUMN api_token_sealed            bytea,
    ADD COLUMN api_token_key_id            text,
    ADD COLUMN bounce_enabled              boolean NOT NULL DEFAULT false,
    ADD COLUMN bounce_imap_host            text,
    ADD COLUMN bounce_imap_port            integer NOT NULL DEFAULT 993,
    ADD COLUMN bounce_imap_user            text,
    ADD COLUMN bounce_imap_password_sealed bytea,
    ADD COLUMN bounce_imap_password_key_id text,
    ADD COLUMN bounce_imap_folder          text NOT NULL DEFAULT 'INBOX',
    ADD COLUMN bounce_imap_ssl             boolean NOT NULL DEFAULT true,
    ADD COLUMN bounce_poll_interval_s      integer NOT NULL DEFAULT 60,
    ADD COLUMN bounce_return_path          text,
    ADD COLUMN bounce_uidvalidity          bigint,
    ADD COLUMN bounce_last_uid             bigint,
    ADD COLUMN bounce_last_sync_at         timestamptz,
    ADD CONSTRAINT instance_api_token_names_its_key CHECK (num_nulls(api_token_sealed, api_token_key_id) IN (0, 2)),
    ADD CONSTRAINT instance_bounce_password_names_its_key
        CHECK (num_nulls(bounce_imap_password_sealed, bounce_imap_password_key_id) IN (0, 2)),
    ADD CONSTRAINT instance_bounce_imap_port_is_tcp CHECK (bounce_imap_port BETWEEN 1 AND 65535),
    ADD CONSTRAINT instance_bounce_poll_interval_is_positive CHECK (bounce_poll_interval_s > 0);
COMMENT ON COLUMN mailproxy.instance.api_token_sealed IS 'Kept for clients that store one here; who may do what is decided by GMP_API_TOKEN alone. AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to this row.';
COMMENT ON COLUMN mailproxy.instance.bounce_enabled IS 'Whether the mailbox is read that bounces come back to.';
COMMENT ON COLUMN mailproxy.instance.bounce_imap_password_sealed IS 'AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to this row.';
COMMENT ON COLUMN mailproxy.instance.bounce_return_path IS 'The address bounces are to be sent to.';
COMMENT ON COLUMN mailproxy.instance.bounce_last_uid IS 'The last message of the mailbox that was read; good while its UIDVALIDITY (RFC 9051 2.3.1.1) is bounce_uidvalidity.';

-- As text: as it was sent, and cheaper to store than jsonb, because add-messages writes here too.
ALTER TABLE mailproxy.command_log
    ALTER COLUMN payload TYPE json USING payload::json,
    ALTER COLUMN payload SET COMPRESSION lz4;
DROP INDEX mailproxy.command_log_by_tenant;
CREATE INDEX command_log_by_time ON mailproxy.command_log (command_at, command_id);
CREATE INDEX command_log_by_tenant ON mailproxy.command_log (tenant_id, command_at, command_id);
COMMENT ON COLUMN mailproxy.command_log.command_at IS 'When its transaction began.';
COMMENT ON COLUMN mailproxy.command_log.endpoint IS 'The command''s name: addMessages, deleteAccount, suspend, ...';
COMMENT ON COLUMN mailproxy.command_log.tenant_id IS 'Whom it concerned, perhaps one that is gone by now; null: no tenant in particular.';
COMMENT ON COLUMN mailproxy.command_log.actor IS 'Whose token it was over HTTP: admin, tenant:<id>, or open where none is needed; over SQL the role.';
COMMENT ON COLUMN mailproxy.command_log.payload IS 'What was asked, redacted, at most 64 KiB.';
COMMENT ON COLUMN mailproxy.command_log.response_status IS '200, written in the command''s own transaction; or 400: refused, nothing was changed.';
