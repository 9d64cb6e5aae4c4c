-- traffic: what came in, what came of attempts and how long mail took, in buckets of equal length, newest first.
-- It is read in steps, from now back, until as much was counted as may be: what is older is left out, whole steps at a time. Steps are a
-- bucket long at first, so that the newest ones are there however much happens, and then longer: each reads a few thousand attempts more than
-- it wants, for that is how exactly attempt_by_time knows where they are.
CREATE OR REPLACE FUNCTION mailproxy.traffic(of_tenant text, since timestamptz, bucket interval, most bigint)
RETURNS TABLE (bucket_at timestamptz, accepted bigint, sent bigint, errors bigint, deferred bigint, p50_ms bigint, p95_ms bigint,
               p99_ms bigint, complete_since timestamptz)
LANGUAGE plpgsql STABLE ROWS 300
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = on SET jit = off
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE step (low, high, buckets) AS (
        SELECT date_bin(bucket, now(), 'epoch'), date_bin(bucket, now(), 'epoch') + bucket, 1
         UNION ALL
        SELECT greatest(s.low - s.buckets * bucket, date_bin(bucket, since, 'epoch')), s.low, least(2 * s.buckets, 16)
          FROM step s
         WHERE s.low > date_bin(bucket, since, 'epoch')
    ), came AS MATERIALIZED (
        SELECT s.high, date_bin(bucket, x.created_at, 'epoch') AS at
          FROM step s
         CROSS JOIN LATERAL (SELECT m.created_at -- OFFSET 0: a step after the other, and each priority by itself, so that an index is read by time
                               FROM unnest('{0,1,2,3}'::smallint[]) AS p (priority)
                              CROSS JOIN LATERAL (SELECT c.created_at FROM mailproxy.message c
                                                   WHERE (of_tenant IS NULL OR c.tenant_id = of_tenant) AND c.priority = p.priority
                                                     AND c.created_at >= s.low AND c.created_at < s.high
                                                  OFFSET 0) m
                             OFFSET 0) x
         LIMIT most
    ), tried AS MATERIALIZED (
        SELECT s.high, date_bin(bucket, a.ended_at, 'epoch') AS at, a.tenant_id, a.outcome, a.took_ms
          FROM step s
         CROSS JOIN LATERAL (SELECT t.tenant_id, t.outcome, t.ended_at,
                                    coalesce(t.queue_ms, 0) + coalesce(t.compose_ms, 0) + coalesce(t.connect_ms, 0)
                                    + coalesce(t.send_ms, 0) AS took_ms
                               FROM mailproxy.attempt t
                              WHERE t.ended_at >= s.low AND t.ended_at < s.high
                             OFFSET 0) a
         LIMIT most
    ), bound AS MATERIALIZED (
        SELECT greatest(date_bin(bucket, since, 'epoch'),
                        (SELECT CASE WHEN count(*) = most THEN min(c.high) END FROM came c),
                        (SELECT CASE WHEN count(*) = most THEN min(t.high) END FROM tried t)) AS at
    )
    SELECT coalesce(i.at, o.at), coalesce(i.accepted, 0), coalesce(o.sent, 0), coalesce(o.errors, 0), coalesce(o.deferred, 0),
           o.ms[1]::bigint, o.ms[2]::bigint, o.ms[3]::bigint, b.at
      FROM bound b
      LEFT JOIN ((SELECT c.at, count(*) AS accepted FROM came c GROUP BY c.at) i
                 FULL JOIN (SELECT t.at, count(*) FILTER (WHERE t.outcome = 'sent') AS sent,
                                   count(*) FILTER (WHERE t.outcome = 'error') AS errors,
                                   count(*) FILTER (WHERE t.outcome = 'deferred') AS deferred,
                                   percentile_disc('{0.5,0.95,0.99}'::double precision[]) WITHIN GROUP (ORDER BY t.took_ms)
                                       FILTER (WHERE t.outcome = 'sent') AS ms
                              FROM tried t
                             WHERE of_tenant IS NULL OR t.tenant_id = of_tenant
                             GROUP BY t.at) o ON o.at = i.at) ON coalesce(i.at, o.at) >= b.at
     ORDER BY 1;
END $$;
COMMENT ON FUNCTION mailproxy.traffic(text, timestamptz, interval, bigint) IS 'Messages accepted, attempts by outcome, and how long those that were sent took from being due to the relay''s reply; of one tenant (null: of all), in buckets since then, oldest first; a bucket in which nothing happened has no row. At most so many messages, and so many attempts of all tenants, are counted, the newest: complete_since is the first bucket that is whole. Where there is none, one row without a bucket_at. Reads what it counts, by index.';
