-- 0001_tenants: who may send, through which relay, and what must be told to them.
CREATE SCHEMA mailproxy;
COMMENT ON SCHEMA mailproxy IS 'The mail proxy: what is to be sent, what became of it, and who is told.';

CREATE TABLE mailproxy.schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mailproxy.schema_migration IS 'The migrations applied to this database, one row each.';

CREATE TYPE mailproxy.report_format AS ENUM ('event', 'seed');
COMMENT ON TYPE mailproxy.report_format IS 'Shape of a delivery report entry: only the keys that say something, or all seven with nulls (clients of 2025).';

CREATE TABLE mailproxy.instance (
    instance_id smallint PRIMARY KEY DEFAULT 1,
    name        text NOT NULL DEFAULT 'mail-proxy',
    active      boolean NOT NULL DEFAULT true,
    epoch       bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT instance_is_one_row CHECK (instance_id = 1)
);
COMMENT ON TABLE mailproxy.instance IS 'The deployment itself: one row.';
COMMENT ON COLUMN mailproxy.instance.active IS 'false: messages are accepted, nothing is sent or reported.';
COMMENT ON COLUMN mailproxy.instance.epoch IS 'Raised by an operator after a restore from backup.';
INSERT INTO mailproxy.instance DEFAULT VALUES;

CREATE TABLE mailproxy.tenant (
    tenant_id               text COLLATE "C" PRIMARY KEY,
    name                    text,
    active                  boolean NOT NULL DEFAULT true,
    client_base_url         text,
    client_base_url_trusted boolean NOT NULL DEFAULT false,
    client_sync_path        text,
    client_attachment_path  text,
    client_auth_sealed      bytea,
    client_auth_key_id      text,
    report_format           mailproxy.report_format NOT NULL DEFAULT 'event',
    report_secret_sealed    bytea,
    report_secret_key_id    text,
    rate_limits             jsonb,
    large_file_config       jsonb,
    retry_delays            integer[],
    suspended_batches       text[] NOT NULL DEFAULT '{}',
    api_key_hash            bytea UNIQUE,
    api_key_expires_at      timestamptz,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_id_is_short CHECK (octet_length(tenant_id) BETWEEN 1 AND 255),
    CONSTRAINT tenant_client_auth_names_its_key CHECK (num_nulls(client_auth_sealed, client_auth_key_id) IN (0, 2)),
    CONSTRAINT tenant_report_secret_names_its_key CHECK (num_nulls(report_secret_sealed, report_secret_key_id) IN (0, 2)),
    CONSTRAINT tenant_api_key_hash_is_sha256 CHECK (octet_length(api_key_hash) = 32),
    CONSTRAINT tenant_expiry_needs_a_key CHECK (api_key_expires_at IS NULL OR api_key_hash IS NOT NULL),
    CONSTRAINT tenant_retry_delays_are_seconds CHECK (0 <= ALL (retry_delays))
);
COMMENT ON TABLE mailproxy.tenant IS 'A store that hands over mail. The tenant "default" serves clients that know no tenants.';
COMMENT ON COLUMN mailproxy.tenant.active IS 'false: not polled; sending and reporting go on.';
COMMENT ON COLUMN mailproxy.tenant.client_base_url_trusted IS 'Set with the admin token: the URL may lead to private addresses.';
COMMENT ON COLUMN mailproxy.tenant.client_auth_sealed IS 'The client_auth object as JSON, AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to tenant_id.';
COMMENT ON COLUMN mailproxy.tenant.client_auth_key_id IS 'Which key of MAIL_PROXY_ENCRYPTION_KEY opens it.';
COMMENT ON COLUMN mailproxy.tenant.suspended_batches IS '{*}: the whole tenant; else the batch codes that are suspended.';
COMMENT ON COLUMN mailproxy.tenant.api_key_hash IS 'SHA-256 of the tenant token; the token itself is shown once and kept nowhere.';
COMMENT ON COLUMN mailproxy.tenant.retry_delays IS 'Seconds before each retry; null: the service''s own schedule.';

CREATE TABLE mailproxy.tenant_sync (
    tenant_id    text COLLATE "C" PRIMARY KEY REFERENCES mailproxy.tenant ON DELETE CASCADE,
    news_seq     bigint NOT NULL DEFAULT 1,
    told_seq     bigint NOT NULL DEFAULT 0,
    last_sync_at timestamptz,
    failures     integer NOT NULL DEFAULT 0,
    retry_at     timestamptz,
    last_error   text,
    lease_epoch  bigint,
    lease_token  bigint,
    leased_at    timestamptz,
    CONSTRAINT tenant_sync_lease_is_whole CHECK (num_nulls(lease_epoch, lease_token, leased_at) IN (0, 3)),
    CONSTRAINT tenant_sync_told_what_was_news CHECK (told_seq <= news_seq)
) WITH (fillfactor = 50);
COMMENT ON TABLE mailproxy.tenant_sync IS 'Where the conversation with each tenant stands: one process at a time holds the lease and calls the tenant.';
COMMENT ON COLUMN mailproxy.tenant_sync.news_seq IS 'Raised in the transaction that makes news for the tenant (an event, run-now); above told_seq means: call it.';
COMMENT ON COLUMN mailproxy.tenant_sync.told_seq IS 'The news_seq that the last acknowledged call had seen.';
COMMENT ON COLUMN mailproxy.tenant_sync.last_sync_at IS 'When the tenant was last called; in the future when its answer asked not to be disturbed until then.';
COMMENT ON COLUMN mailproxy.tenant_sync.retry_at IS 'After a failure: not before; null when the last call went well.';

CREATE TABLE mailproxy.account (
    tenant_id          text COLLATE "C" NOT NULL REFERENCES mailproxy.tenant ON DELETE CASCADE,
    account_id         text COLLATE "C" NOT NULL,
    name               text,
    host               text NOT NULL,
    port               integer NOT NULL,
    username           text,
    password_sealed    bytea,
    password_key_id    text,
    use_tls            boolean,
    tls_verify         boolean NOT NULL DEFAULT true,
    tls_ca             text,
    tls_pin            text,
    timeout_s          integer,
    ttl_s              integer NOT NULL DEFAULT 300,
    max_connections    integer,
    batch_size         integer,
    limit_per_minute   integer,
    limit_per_hour     integer,
    limit_per_day      integer,
    limit_behavior     text NOT NULL DEFAULT 'defer',
    retry_delays       integer[],
    is_pec_account     boolean NOT NULL DEFAULT false,
    imap_host          text,
    imap_port          integer NOT NULL DEFAULT 993,
    imap_user          text,
    imap_password_sealed bytea,
    imap_password_key_id text,
    imap_ssl           boolean NOT NULL DEFAULT true,
    version            bigint NOT NULL DEFAULT 1,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id),
    CONSTRAINT account_id_is_short CHECK (octet_length(account_id) BETWEEN 1 AND 255),
    CONSTRAINT account_host_is_given CHECK (octet_length(host) BETWEEN 1 AND 255),
    CONSTRAINT account_port_is_tcp CHECK (port BETWEEN 1 AND 65535),
    CONSTRAINT account_imap_port_is_tcp CHECK (imap_port BETWEEN 1 AND 65535),
    CONSTRAINT account_password_names_its_key CHECK (num_nulls(password_sealed, password_key_id) IN (0, 2)),
    CONSTRAINT account_imap_password_names_its_key CHECK (num_nulls(imap_password_sealed, imap_password_key_id) IN (0, 2)),
    CONSTRAINT account_timeout_is_positive CHECK (timeout_s > 0),
    CONSTRAINT account_ttl_is_not_negative CHECK (ttl_s >= 0),
    CONSTRAINT account_max_connections_is_positive CHECK (max_connections > 0),
    CONSTRAINT account_batch_size_is_positive CHECK (batch_size > 0),
    CONSTRAINT account_limits_are_positive CHECK (limit_per_minute > 0 AND limit_per_hour > 0 AND limit_per_day > 0),
    CONSTRAINT account_retry_delays_are_seconds CHECK (0 <= ALL (retry_delays))
);
COMMENT ON TABLE mailproxy.account IS 'A tenant''s way out: the submission server (RFC 6409), its credentials and its limits.';
COMMENT ON COLUMN mailproxy.account.use_tls IS 'null: TLS exactly on port 465. TLS on 465 is implicit, elsewhere STARTTLS is mandatory.';
COMMENT ON COLUMN mailproxy.account.tls_pin IS 'SHA-256 of the relay''s public key in curl''s form: sha256//base64.';
COMMENT ON COLUMN mailproxy.account.timeout_s IS 'Seconds that connecting, TLS and each complete reply may take; null: RFC 5321 4.5.3.2.';
COMMENT ON COLUMN mailproxy.account.ttl_s IS 'Seconds an idle connection is kept for the next message.';
COMMENT ON COLUMN mailproxy.account.limit_per_minute IS 'Messages in any 60 seconds; null: no limit.';
COMMENT ON COLUMN mailproxy.account.limit_behavior IS 'What a limit does to a message: "reject" makes it an error, anything else defers it.';
COMMENT ON COLUMN mailproxy.account.password_sealed IS 'AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to tenant_id and account_id.';
COMMENT ON COLUMN mailproxy.account.version IS 'Raised by every update: a connection made under another version is not reused.';

CREATE TABLE mailproxy.account_state (
    tenant_id   text COLLATE "C" NOT NULL,
    account_id  text COLLATE "C" NOT NULL,
    served_at   timestamptz NOT NULL DEFAULT now(),
    failures    integer NOT NULL DEFAULT 0,
    gate_until  timestamptz,
    gate_reason text,
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account ON DELETE CASCADE,
    CONSTRAINT account_state_gate_has_a_reason CHECK (num_nulls(gate_until, gate_reason) IN (0, 2))
) WITH (fillfactor = 50);
COMMENT ON TABLE mailproxy.account_state IS 'What the workers know of an account: its turn and its gate. Apart from account because every claim writes here.';
COMMENT ON COLUMN mailproxy.account_state.served_at IS 'When messages of the account were last claimed: the least recently served goes first.';
COMMENT ON COLUMN mailproxy.account_state.gate_until IS 'Claims pass the account by until then; its queue rows are not rewritten for it.';

CREATE TABLE mailproxy.rule (
    rule_id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text,
    enabled          boolean NOT NULL DEFAULT true,
    priority         integer NOT NULL,
    days             integer[] NOT NULL DEFAULT '{}',
    start_hour       smallint,
    end_hour         smallint,
    cross_midnight   boolean NOT NULL DEFAULT false,
    interval_minutes integer NOT NULL DEFAULT 1,
    CONSTRAINT rule_start_hour_is_an_hour CHECK (start_hour BETWEEN 0 AND 23),
    CONSTRAINT rule_end_hour_is_an_hour CHECK (end_hour BETWEEN 0 AND 23),
    CONSTRAINT rule_interval_is_positive CHECK (interval_minutes >= 1)
);
COMMENT ON TABLE mailproxy.rule IS 'How often tenants without news are polled, by day and hour; the last matching enabled rule wins.';
COMMENT ON COLUMN mailproxy.rule.days IS '0 = Monday … 6 = Sunday; empty: every day.';

CREATE TABLE mailproxy.command_log (
    command_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command_at      timestamptz NOT NULL DEFAULT now(),
    endpoint        text NOT NULL,
    tenant_id       text COLLATE "C",
    actor           text NOT NULL DEFAULT current_user,
    payload         jsonb,
    response_status smallint
);
CREATE INDEX command_log_by_tenant ON mailproxy.command_log (tenant_id, command_at);
COMMENT ON TABLE mailproxy.command_log IS 'State-changing commands, over HTTP and SQL; secrets and message bodies are redacted before they get here.';

INSERT INTO mailproxy.tenant (tenant_id) VALUES ('default');
INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('default');
