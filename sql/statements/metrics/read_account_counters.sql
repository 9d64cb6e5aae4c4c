-- read_account_counters: what came of the attempts of each account, since it exists, and whether it can send.
-- Rows: account_id, its name, tenant_id, its name, then sent, errors, deferred, rate_limited, in_doubt, whether
--       it is paused, failing (its relay, login or token endpoint), at a limit; one for each account.
-- Locks: none.
-- Plan: the counters by their primary key, in its order: a row for each account and worker.
-- Called by: metrics_ask() in server/routes/metrics.c.
SELECT a.account_id, coalesce(a.name, a.account_id), a.tenant_id, coalesce(t.name, a.tenant_id),
       coalesce(c.sent, 0), coalesce(c.errors, 0), coalesce(c.deferred, 0), coalesce(c.rate_limited, 0),
       coalesce(c.in_doubt, 0), (a.paused_at IS NOT NULL)::integer,
       (s.failing_since IS NOT NULL OR k.retry_at IS NOT NULL)::integer,
       ((s.failing_since IS NULL AND s.gate_until > now()) IS TRUE)::integer
  FROM mailproxy.account a
  JOIN mailproxy.tenant t ON t.tenant_id = a.tenant_id
  LEFT JOIN mailproxy.account_state s ON s.tenant_id = a.tenant_id AND s.account_id = a.account_id
  LEFT JOIN mailproxy.account_token k ON k.tenant_id = a.tenant_id AND k.account_id = a.account_id AND k.account_version = a.version
  LEFT JOIN (SELECT n.tenant_id, n.account_id, sum(n.sent)::bigint AS sent, sum(n.errors)::bigint AS errors,
                    sum(n.deferred)::bigint AS deferred, sum(n.rate_limited)::bigint AS rate_limited,
                    sum(n.in_doubt)::bigint AS in_doubt
               FROM mailproxy.account_counter n
              GROUP BY n.tenant_id, n.account_id) c ON c.tenant_id = a.tenant_id AND c.account_id = a.account_id
 ORDER BY a.tenant_id, a.account_id;
