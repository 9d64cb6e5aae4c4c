-- audit: is every message that was accepted still accounted for?
CREATE OR REPLACE FUNCTION mailproxy.audit(of_tenant text DEFAULT NULL)
RETURNS TABLE (tenant_id text, accepted bigint, sent bigint, error bigint, cancelled bigint, queued bigint, balanced boolean)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp SET enable_seqscan = on SET jit = off
AS $$
    SELECT coalesce(m.tenant_id, q.tenant_id), count(m.message_pk),
           count(*) FILTER (WHERE m.state = 'sent'), count(*) FILTER (WHERE m.state = 'error'),
           count(*) FILTER (WHERE m.state = 'cancelled'), count(q.message_pk),
           bool_and(m.message_pk IS NOT NULL AND (m.state = 'queued') = (q.message_pk IS NOT NULL)
                    AND (q.message_pk IS NULL OR (q.tenant_id = m.tenant_id AND q.account_id = m.account_id)))
      FROM mailproxy.message m
      FULL JOIN mailproxy.queue q ON q.message_pk = m.message_pk
     WHERE of_tenant IS NULL OR m.tenant_id = of_tenant OR q.tenant_id = of_tenant
     GROUP BY 1
     ORDER BY 1
$$;
COMMENT ON FUNCTION mailproxy.audit(text) IS 'For each tenant, or the one that is named: messages stored, those in each final state, and those with a queue row. accepted = sent + error + cancelled + queued, and balanced says that each message has exactly one of a final state and a queue row. One statement, hence one snapshot: true at any moment, also under load. Reads all of message and queue: some 1.5 s a million.';
