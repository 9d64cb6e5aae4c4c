-- read_untold: what each tenant was not told of yet, and whether it is suspended.
-- $1 boolean tenant `default` can be called without a base URL of its own
-- Rows: tenant_id, its name, events not reported, seconds since the oldest of them (0: none; null: there is nobody to
--       call), whether the tenant is suspended as a whole; one for each tenant.
-- Locks: none.
-- Plan: index event_unreported of each partition, which holds nothing else.
-- Called by: metrics_ask() in server/routes/metrics.c, which keeps the answer ten times as long as it took.
SELECT t.tenant_id, coalesce(t.name, t.tenant_id), coalesce(u.events, 0),
       CASE WHEN t.client_base_url IS NOT NULL OR (t.tenant_id = 'default' AND $1::boolean)
            THEN coalesce(extract(epoch FROM now() - u.oldest_at), 0) END,
       ('*' = ANY (t.suspended_batches))::integer
  FROM mailproxy.tenant t
  LEFT JOIN (SELECT e.tenant_id, count(*) AS events, min(e.created_at) AS oldest_at
               FROM mailproxy.event e
              WHERE e.reported_at IS NULL
              GROUP BY e.tenant_id) u ON u.tenant_id = t.tenant_id
 ORDER BY t.tenant_id;
