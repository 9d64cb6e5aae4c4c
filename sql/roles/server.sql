-- server: mailproxy-server, but for `migrate`.
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_server;

GRANT SELECT, INSERT, UPDATE, DELETE ON mailproxy.tenant, mailproxy.account, mailproxy.message, mailproxy.rule TO mailproxy_server;
GRANT SELECT, INSERT, UPDATE ON mailproxy.tenant_sync, mailproxy.account_state, mailproxy.queue TO mailproxy_server;
GRANT SELECT, INSERT, DELETE ON mailproxy.message_body, mailproxy.message_attachment TO mailproxy_server;
GRANT SELECT, UPDATE ON mailproxy.instance TO mailproxy_server;
GRANT SELECT, DELETE ON mailproxy.event TO mailproxy_server;
GRANT SELECT, INSERT ON mailproxy.command_log TO mailproxy_server;
GRANT SELECT ON mailproxy.account_counter, mailproxy.attempt, mailproxy.attempt_counter, mailproxy.connection_grant, mailproxy.worker,
                mailproxy.schema_migration TO mailproxy_server;
GRANT SELECT ON mailproxy.account_backlog, mailproxy.account_health, mailproxy.rate_status TO mailproxy_server;
GRANT SELECT (tenant_id, account_id, account_version, retry_at), UPDATE (last_error, retry_at) ON mailproxy.account_token TO mailproxy_server; -- run-now, metrics
GRANT USAGE ON SEQUENCE mailproxy.message_pk_seq TO mailproxy_server;
GRANT EXECUTE ON FUNCTION mailproxy.create_partitions(integer), mailproxy.requeue, mailproxy.retry_now TO mailproxy_server;
