-- 0018_retry_max_age: for how long a message may fail before it is given up (RFC 5321 4.5.4.1).
ALTER TABLE mailproxy.tenant
    ADD COLUMN retry_max_age_s integer,
    ADD CONSTRAINT tenant_retry_max_age_is_not_negative CHECK (retry_max_age_s >= 0);
COMMENT ON COLUMN mailproxy.tenant.retry_max_age_s IS 'Seconds a message may fail before it is given up; 0: it never is for that; null: the service''s own.';
ALTER TABLE mailproxy.account
    ADD COLUMN retry_max_age_s integer,
    ADD CONSTRAINT account_retry_max_age_is_not_negative CHECK (retry_max_age_s >= 0);
COMMENT ON COLUMN mailproxy.account.retry_max_age_s IS 'As tenant.retry_max_age_s; null: the tenant''s.';

ALTER TABLE mailproxy.message ADD COLUMN deferred_since timestamptz;
COMMENT ON COLUMN mailproxy.message.deferred_since IS 'When an attempt at it first failed and was to be repeated; null: none has. Retries last until the maximum age after that.';

ALTER TABLE mailproxy.account_state ADD COLUMN failing_since timestamptz;
COMMENT ON COLUMN mailproxy.account_state.failing_since IS 'The first failure since the account was last well or updated; run-now, which ends its back-off, leaves it. null: it is not at fault.';
