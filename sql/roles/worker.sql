-- worker: mailproxy-worker.
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON mailproxy.account_counter, mailproxy.attempt_counter, mailproxy.connection_grant,
                                        mailproxy.rate_bucket TO mailproxy_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON mailproxy.event TO mailproxy_worker;
GRANT SELECT, INSERT, UPDATE ON mailproxy.account_token, mailproxy.worker TO mailproxy_worker;
GRANT SELECT, UPDATE, DELETE ON mailproxy.message, mailproxy.queue TO mailproxy_worker;
GRANT SELECT, UPDATE ON mailproxy.account_state, mailproxy.purge_pass, mailproxy.tenant_sync TO mailproxy_worker;
GRANT UPDATE (restore_found_at, restore_found_by, restore_seen_epoch, restore_seen_at) ON mailproxy.instance TO mailproxy_worker;
GRANT SELECT ON mailproxy.account, mailproxy.instance, mailproxy.message_attachment, mailproxy.message_body, mailproxy.rate_length,
                mailproxy.rule, mailproxy.schema_migration, mailproxy.tenant TO mailproxy_worker;
GRANT INSERT ON mailproxy.attempt TO mailproxy_worker;
-- A row that is locked, and never changed: some column must be one that may be updated.
GRANT UPDATE (updated_at) ON mailproxy.account, mailproxy.tenant TO mailproxy_worker;
GRANT USAGE ON SEQUENCE mailproxy.lease_token_seq TO mailproxy_worker;
GRANT EXECUTE ON FUNCTION mailproxy.create_partitions(integer), mailproxy.drop_old_partition(bigint, bigint) TO mailproxy_worker;
