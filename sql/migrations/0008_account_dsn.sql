-- 0008_account_dsn: what an account asks its relay to notify the sender of (RFC 3461).
ALTER TABLE mailproxy.account
    ADD COLUMN dsn_notify text,
    ADD COLUMN dsn_ret    text,
    ADD CONSTRAINT account_dsn_notify_is_known
        CHECK (dsn_notify ~ '^(NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY)){0,2})$'),
    ADD CONSTRAINT account_dsn_ret_is_known CHECK (dsn_ret IN ('FULL', 'HDRS'));
COMMENT ON COLUMN mailproxy.account.dsn_notify IS 'NOTIFY with each RCPT, where the relay offers DSN (RFC 3461 4.1); null: not said.';
COMMENT ON COLUMN mailproxy.account.dsn_ret IS 'RET with MAIL, where the relay offers DSN (RFC 3461 4.3): how much of the message a notification brings back; null: not said.';
