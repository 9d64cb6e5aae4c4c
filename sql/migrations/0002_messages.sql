-- 0002_messages: what was accepted, the work that is left of it, and what became of it.
CREATE TYPE mailproxy.message_state AS ENUM ('queued', 'sent', 'error', 'cancelled');
COMMENT ON TYPE mailproxy.message_state IS 'queued: has a queue row; the others are final and have none.';
CREATE TYPE mailproxy.queue_state AS ENUM ('ready', 'scheduled', 'leased', 'held');
COMMENT ON TYPE mailproxy.queue_state IS 'ready: may be claimed; scheduled: not before due_at; leased: in a worker''s hands; held: its batch is suspended.';
CREATE TYPE mailproxy.outcome AS ENUM ('sent', 'deferred', 'error');
COMMENT ON TYPE mailproxy.outcome IS 'Of one attempt: the relay took it, it will be tried again, or it never will.';
CREATE TYPE mailproxy.blame AS ENUM ('none', 'recipient', 'message', 'account');
COMMENT ON TYPE mailproxy.blame IS 'Whose fault an attempt''s end was: an account''s makes all its messages wait, a recipient''s settles that recipient alone.';
CREATE TYPE mailproxy.event_type AS ENUM ('sent', 'error', 'deferred', 'bounce',
                                          'pec_acceptance', 'pec_delivery', 'pec_error', 'pec_timeout');

CREATE SEQUENCE mailproxy.message_pk_seq;
CREATE SEQUENCE mailproxy.lease_token_seq;
COMMENT ON SEQUENCE mailproxy.lease_token_seq IS 'Fencing tokens: each claim has its own, and a result that brings another changes nothing.';

CREATE TABLE mailproxy.message (
    message_pk      bigint PRIMARY KEY DEFAULT nextval('mailproxy.message_pk_seq'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    size_octets     integer NOT NULL,
    priority        smallint NOT NULL,
    retries         smallint NOT NULL DEFAULT 0,
    reply_code      smallint,
    attachments     smallint NOT NULL DEFAULT 0,
    state           mailproxy.message_state NOT NULL DEFAULT 'queued',
    is_pec          boolean NOT NULL DEFAULT false,
    tenant_id       text COLLATE "C" NOT NULL,
    message_id      text COLLATE "C" NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    batch_code      text COLLATE "C",
    mime_message_id text COLLATE "C" NOT NULL,
    reason          text,
    settled         jsonb,
    CONSTRAINT message_id_is_unique_in_its_tenant UNIQUE (tenant_id, message_id),
    CONSTRAINT message_account_exists FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account ON DELETE CASCADE,
    CONSTRAINT message_id_is_short CHECK (octet_length(message_id) BETWEEN 1 AND 255),
    CONSTRAINT message_priority_is_known CHECK (priority BETWEEN 0 AND 3),
    CONSTRAINT message_batch_code_is_short CHECK (char_length(batch_code) BETWEEN 1 AND 64 AND batch_code !~ ','),
    CONSTRAINT message_is_finished_when_final CHECK ((state = 'queued') = (finished_at IS NULL)),
    CONSTRAINT message_error_has_a_reason CHECK (state <> 'error' OR reason IS NOT NULL),
    CONSTRAINT message_sent_has_no_reason CHECK (state <> 'sent' OR reason IS NULL)
) WITH (fillfactor = 85);
CREATE INDEX message_listing ON mailproxy.message (tenant_id, priority, created_at, message_id);
COMMENT ON TABLE mailproxy.message IS 'One narrow row per accepted message. It has exactly one of: a queue row, or a final state.';
COMMENT ON COLUMN mailproxy.message.message_id IS 'The client''s own id, unique within its tenant.';
COMMENT ON COLUMN mailproxy.message.mime_message_id IS 'The Message-ID field (RFC 5322 3.6.4) with its angle brackets: made at acceptance, the same on every attempt.';
COMMENT ON COLUMN mailproxy.message.finished_at IS 'When it was sent, became an error or was cancelled.';
COMMENT ON COLUMN mailproxy.message.retries IS 'Entries of the retry schedule used up.';
COMMENT ON COLUMN mailproxy.message.reply_code IS 'SMTP code of the last attempt''s deciding reply; null when there was none.';
COMMENT ON COLUMN mailproxy.message.reason IS 'While queued: why it waits (the last reply). In state error: what ended it.';
COMMENT ON COLUMN mailproxy.message.settled IS 'Recipients that are done while others are not, or were refused: [{"address","outcome":"sent"|"error","code","reason"}]; null: none apart from the whole.';
COMMENT ON COLUMN mailproxy.message.attachments IS 'Rows in message_attachment: the ones whose octets came with the message.';

CREATE TABLE mailproxy.message_body (
    message_pk bigint NOT NULL,
    created_at timestamptz NOT NULL,
    content    json COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (message_pk, created_at)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE mailproxy.message_body IS 'What to send: the client''s message, its known fields. By day of acceptance; leaves by DROP of a partition.';

CREATE TABLE mailproxy.message_attachment (
    message_pk bigint NOT NULL,
    created_at timestamptz NOT NULL,
    ordinal    smallint NOT NULL,
    content    bytea NOT NULL,
    PRIMARY KEY (message_pk, created_at, ordinal)
) PARTITION BY RANGE (created_at);
ALTER TABLE mailproxy.message_attachment ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE mailproxy.message_attachment IS 'Octets of attachments that came as base64, decoded. ordinal: position in the message''s attachments, from 0.';

CREATE TABLE mailproxy.queue (
    message_pk  bigint PRIMARY KEY REFERENCES mailproxy.message ON DELETE CASCADE,
    due_at      timestamptz NOT NULL,
    lease_token bigint,
    lease_epoch bigint,
    leased_at   timestamptz,
    attempts    integer NOT NULL DEFAULT 0,
    priority    smallint NOT NULL,
    state       mailproxy.queue_state NOT NULL DEFAULT 'ready',
    tenant_id   text COLLATE "C" NOT NULL,
    account_id  text COLLATE "C" NOT NULL,
    CONSTRAINT queue_lease_is_whole CHECK (num_nulls(lease_token, lease_epoch, leased_at) IN (0, 3)),
    CONSTRAINT queue_leased_has_a_lease CHECK ((state = 'leased') = (lease_token IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX queue_ready ON mailproxy.queue (tenant_id, account_id, priority, message_pk) WHERE state = 'ready';
CREATE INDEX queue_scheduled ON mailproxy.queue (due_at) WHERE state = 'scheduled';
CREATE INDEX queue_leased ON mailproxy.queue (lease_epoch) WHERE state = 'leased';
COMMENT ON TABLE mailproxy.queue IS 'The work that is left: one small row per message that is not final. What is not due yet stays out of the index that claims read.';
COMMENT ON COLUMN mailproxy.queue.attempts IS 'Claims so far, ended or not: a message that kills its worker is seen here.';
COMMENT ON COLUMN mailproxy.queue.lease_epoch IS 'The worker (worker.epoch) that holds it. The lease lasts as long as that worker''s heartbeat is fresh.';

CREATE TABLE mailproxy.attempt (
    attempt_pk   bigint GENERATED BY DEFAULT AS IDENTITY,
    message_pk   bigint NOT NULL,
    ended_at     timestamptz NOT NULL DEFAULT now(),
    worker_epoch bigint NOT NULL,
    attempt      integer NOT NULL,
    queue_ms     integer,
    compose_ms   integer,
    connect_ms   integer,
    send_ms      integer,
    reply_code   smallint,
    outcome      mailproxy.outcome NOT NULL,
    blame        mailproxy.blame NOT NULL DEFAULT 'none',
    in_doubt     boolean NOT NULL DEFAULT false,
    tenant_id    text COLLATE "C" NOT NULL,
    account_id   text COLLATE "C" NOT NULL,
    phase        text,
    status       text,
    reply        text,
    recipients   jsonb,
    PRIMARY KEY (attempt_pk, ended_at)
) PARTITION BY RANGE (ended_at);
CREATE INDEX attempt_by_message ON mailproxy.attempt (message_pk);
COMMENT ON TABLE mailproxy.attempt IS 'One row per try, never updated.';
COMMENT ON COLUMN mailproxy.attempt.phase IS 'Where in the dialogue it was decided: connect, tls, greeting, ehlo, starttls, auth, mail, rcpt, data, content, dot; null: before any.';
COMMENT ON COLUMN mailproxy.attempt.status IS 'Enhanced status code class.subject.detail (RFC 3463) of the deciding reply.';
COMMENT ON COLUMN mailproxy.attempt.reply IS 'Text of the deciding reply, or what failed where there was none.';
COMMENT ON COLUMN mailproxy.attempt.recipients IS 'Per recipient [{"address","outcome","code","reason"}]; null when all shared the outcome.';
COMMENT ON COLUMN mailproxy.attempt.in_doubt IS 'The worker died while it held the message: the relay may have taken it.';

CREATE TABLE mailproxy.event (
    event_pk    bigint GENERATED BY DEFAULT AS IDENTITY,
    message_pk  bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    event_at    timestamptz NOT NULL,
    reported_at timestamptz,
    event_type  mailproxy.event_type NOT NULL,
    tenant_id   text COLLATE "C" NOT NULL,
    description text,
    metadata    jsonb,
    PRIMARY KEY (event_pk, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX event_by_message ON mailproxy.event (message_pk);
CREATE INDEX event_unreported ON mailproxy.event (tenant_id, event_pk) WHERE reported_at IS NULL;
COMMENT ON TABLE mailproxy.event IS 'What a tenant must be told, in order; the outbox of the delivery reports and the history of a message.';
COMMENT ON COLUMN mailproxy.event.event_at IS 'When it happened; for deferred: when the next attempt is due.';
COMMENT ON COLUMN mailproxy.event.reported_at IS 'When the tenant acknowledged the report that told it; null: still to be told.';
COMMENT ON COLUMN mailproxy.event.metadata IS 'For sent and error: {"refused":[{"address","code","reason"}]} where some recipients were refused.';
