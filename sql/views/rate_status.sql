-- rate_status: of each limit, what is used up and what is left.
CREATE OR REPLACE VIEW mailproxy.rate_status AS
WITH under_way AS MATERIALIZED (
    SELECT q.tenant_id, q.account_id, count(*) AS messages
      FROM mailproxy.worker w
      JOIN mailproxy.queue q ON q.state = 'leased' AND q.lease_epoch = w.epoch
     WHERE w.ended_at IS NULL
     GROUP BY q.tenant_id, q.account_id
), limited AS (
    SELECT a.tenant_id, a.account_id, a.account_id AS scope, v.period, v.most, a.limit_behavior AS behavior
      FROM mailproxy.account a
     CROSS JOIN LATERAL (VALUES ('minute'::mailproxy.rate_period, a.limit_per_minute), ('hour', a.limit_per_hour),
                                ('day', a.limit_per_day)) AS v (period, most)
     WHERE v.most IS NOT NULL
     UNION ALL
    SELECT t.tenant_id, NULL, '', v.period, v.most, NULL
      FROM mailproxy.tenant t
     CROSS JOIN LATERAL (VALUES ('hour'::mailproxy.rate_period, t.limit_per_hour), ('day', t.limit_per_day)) AS v (period, most)
     WHERE v.most IS NOT NULL
)
SELECT l.tenant_id, l.account_id, l.period, l.most, u.taken, u.under_way, greatest(l.most - u.taken - u.under_way, 0) AS remaining,
       CASE WHEN l.most - u.taken - u.under_way <= 0
            THEN (SELECT min(g.bucket_at) + r.length
                    FROM (SELECT b.bucket_at, sum(b.taken) OVER (ORDER BY b.bucket_at) AS gone
                            FROM mailproxy.rate_bucket b
                           WHERE b.tenant_id = l.tenant_id AND b.account_id = l.scope AND b.period = l.period
                             AND b.bucket_at > now() - r.length) g
                   WHERE g.gone > u.taken + u.under_way - l.most) END AS frees_at,
       l.behavior
  FROM limited l
  JOIN mailproxy.rate_length r ON r.period = l.period
 CROSS JOIN LATERAL (
       SELECT coalesce((SELECT sum(b.taken)
                          FROM mailproxy.rate_bucket b
                         WHERE b.tenant_id = l.tenant_id AND b.account_id = l.scope AND b.period = l.period
                           AND b.bucket_at > now() - r.length), 0)::bigint AS taken,
              coalesce((SELECT sum(w.messages)
                          FROM under_way w
                         WHERE w.tenant_id = l.tenant_id AND w.account_id = coalesce(l.account_id, w.account_id)), 0)::bigint
              AS under_way) u;
COMMENT ON VIEW mailproxy.rate_status IS 'One row for each limit of an account or a tenant. Question: is a limit why mail waits, and when does it let more through? Reads rate_bucket by its primary key, at most 101 rows a limit, and the index of leases.';
COMMENT ON COLUMN mailproxy.rate_status.account_id IS 'Null: the limit is the tenant''s, over all its accounts.';
COMMENT ON COLUMN mailproxy.rate_status.taken IS 'Messages that the relay took, or may have, within the period that ends now.';
COMMENT ON COLUMN mailproxy.rate_status.under_way IS 'Messages in the workers'' hands: they count until they come back untaken.';
COMMENT ON COLUMN mailproxy.rate_status.frees_at IS 'When nothing remains: the next moment something does; null: when what is under way ends.';
COMMENT ON COLUMN mailproxy.rate_status.behavior IS 'Of an account at its limit: "reject" makes its messages errors, anything else lets them wait.';
