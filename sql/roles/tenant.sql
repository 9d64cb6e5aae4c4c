-- tenant: a store's own login, which tenant.login_role makes one tenant's. It sees that tenant's rows and sends for it.
-- The policy is restrictive: it takes rows from these roles and leaves everybody else to what was granted. For them the other policy,
-- which is always true, is no part of any plan.
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_tenant;

GRANT SELECT ON mailproxy.message, mailproxy.event, mailproxy.attempt, mailproxy.queue TO mailproxy_tenant;
GRANT SELECT (tenant_id, name, active, client_base_url, client_sync_path, client_attachment_path, report_format, rate_limits, retry_delays, retry_max_age_s,
              suspended_batches, limit_per_hour, limit_per_day, created_at, updated_at) ON mailproxy.tenant TO mailproxy_tenant;
GRANT SELECT (tenant_id, account_id, name, host, port, use_tls, tls_verify, timeout_s, ttl_s, max_connections, batch_size,
              limit_per_minute, limit_per_hour, limit_per_day, limit_behavior, retry_delays, retry_max_age_s, is_pec_account, dsn_notify, dsn_ret,
              version, paused_at, created_at, updated_at) ON mailproxy.account TO mailproxy_tenant;
-- Views that ask with the rights of who reads them (security_invoker).
GRANT SELECT ON mailproxy.account_backlog, mailproxy.tenant_backlog, mailproxy.throughput, mailproxy.latency,
                mailproxy.recent_error TO mailproxy_tenant;

GRANT EXECUTE ON FUNCTION mailproxy.current_tenant(), mailproxy.send_batch(jsonb, text, text) TO mailproxy_tenant;

DO $$
DECLARE
    seen regclass;
BEGIN
    FOREACH seen IN ARRAY '{mailproxy.message, mailproxy.event, mailproxy.attempt, mailproxy.queue, mailproxy.tenant,
                            mailproxy.account}'::regclass[] LOOP
        IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = seen) THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', seen);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_policy l WHERE l.polrelid = seen AND l.polname = 'everybody') THEN
            EXECUTE format('CREATE POLICY everybody ON %s USING (true) WITH CHECK (true)', seen);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_policy l WHERE l.polrelid = seen AND l.polname = 'mailproxy_tenant') THEN
            EXECUTE format('CREATE POLICY mailproxy_tenant ON %s AS RESTRICTIVE TO mailproxy_tenant'
                           ' USING (tenant_id = (SELECT mailproxy.current_tenant()))', seen);
        END IF;
    END LOOP;
END $$;
