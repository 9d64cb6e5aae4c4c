-- 0012_waits_for_account: what waits for its own time because of its account, and for what ends the account's back-off.
ALTER TABLE mailproxy.queue ADD COLUMN waits_for_account boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN mailproxy.queue.waits_for_account IS 'The last attempt was deferred within a transaction by what is the account''s fault: while it is scheduled, run-now and an update of the account make it ready at once.';
CREATE INDEX queue_waits_for_account ON mailproxy.queue (tenant_id, account_id) WHERE waits_for_account AND state = 'scheduled';
