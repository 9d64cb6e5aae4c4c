-- backlog_of: account_backlog of one tenant, or of all, for programs.
-- Needs: account_backlog
-- Their connections are set to use no bitmaps and to read nothing from end to end; here the queue is what is to be read, and the
-- attempts of the last minutes are found by an index that gives nothing but bitmaps (attempt_by_time).
CREATE OR REPLACE FUNCTION mailproxy.backlog_of(of_tenant text)
RETURNS TABLE (tenant_id text, account_id text, messages bigint, ready bigint, sending bigint, deferred bigint, held bigint,
               oldest_due_at timestamptz, drained_in interval)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp SET enable_seqscan = on SET enable_bitmapscan = on SET jit = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT b.tenant_id, b.account_id, b.messages, b.ready, b.sending, b.deferred, b.held, b.oldest_due_at, b.drained_in
      FROM mailproxy.account_backlog b
     WHERE of_tenant IS NULL OR b.tenant_id = of_tenant;
END $$;
COMMENT ON FUNCTION mailproxy.backlog_of(text) IS 'The rows of account_backlog of one tenant, null: of all, read as is best for them whatever the session''s settings are.';
