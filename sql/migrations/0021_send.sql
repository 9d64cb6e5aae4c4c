-- 0021_send: what mailproxy.send() needs to know: the limits of a message, and which tenant a role is.
ALTER TABLE mailproxy.instance
    ADD COLUMN max_message_octets bigint NOT NULL DEFAULT 26214400,
    ADD COLUMN max_attachment_octets bigint NOT NULL DEFAULT 26214400,
    ADD COLUMN default_priority smallint NOT NULL DEFAULT 2,
    ADD CONSTRAINT instance_limits_are_positive CHECK (max_message_octets > 0 AND max_attachment_octets > 0),
    ADD CONSTRAINT instance_default_priority_is_known CHECK (default_priority BETWEEN 0 AND 3);
COMMENT ON COLUMN mailproxy.instance.max_message_octets IS 'GMP_MAX_MESSAGE_BYTES of the server that started last: what mailproxy.send() takes.';
COMMENT ON COLUMN mailproxy.instance.max_attachment_octets IS 'GMP_MAX_ATTACHMENT_BYTES of the server that started last.';
COMMENT ON COLUMN mailproxy.instance.default_priority IS 'GMP_DEFAULT_PRIORITY of the server that started last.';

ALTER TABLE mailproxy.tenant ADD COLUMN login_role name UNIQUE;
COMMENT ON COLUMN mailproxy.tenant.login_role IS 'The database role that is this tenant: what it sends with mailproxy.send() is the tenant''s, and it may name no other. Set by hand; null: none.';

CREATE SEQUENCE mailproxy.wake_seq;
COMMENT ON SEQUENCE mailproxy.wake_seq IS 'When a transaction with mailproxy.send() last undertook to notify the workers: milliseconds since the epoch.';

CREATE TYPE mailproxy.draft AS (
    place           integer,
    given_id        jsonb,
    reason          text,
    tenant_id       text,
    message_id      text,
    account_id      text,
    batch_code      text,
    mime_message_id text,
    priority        integer,
    size_octets     bigint,
    due_s           bigint,
    is_pec          boolean,
    content         json,
    ordinals        integer[],
    attachments     bytea[],
    superseded      boolean,
    message_pk      bigint
);
COMMENT ON TYPE mailproxy.draft IS 'A message on its way through mailproxy.send_batch(): its place in the batch from 1, the id as it came, why it is rejected, and what is stored of it, with the octets of attachments that came with it. It is open until it has a reason, is superseded by a later one with the same id, or has a message_pk.';
