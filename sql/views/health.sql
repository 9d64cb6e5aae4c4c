-- health: is all well, and if not, what to do.
-- Needs: account_backlog, account_health, hot_table, report_overdue, snapshot_holder, worker_status
CREATE OR REPLACE VIEW mailproxy.health AS
WITH worker AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE w.state IN ('alive', 'silent')) AS living, count(*) FILTER (WHERE w.state = 'dead') AS dead,
           count(*) FILTER (WHERE w.state IN ('stopped', 'reaped') AND w.leases > 0) AS leftover,
           string_agg(format('%s (%s, pid %s, silent for %s)', w.worker, w.host, w.pid, date_trunc('second', w.heartbeat_age)), ', '
                      ORDER BY w.worker) FILTER (WHERE w.state = 'dead') AS dead_names
      FROM mailproxy.worker_status w
), backlog AS MATERIALIZED (
    SELECT coalesce(sum(b.messages), 0) AS messages,
           max(now() - b.oldest_due_at) FILTER (WHERE h.state IN ('ok', 'crowded') AND '*' <> ALL (t.suspended_batches)) AS oldest
      FROM mailproxy.account_backlog b
      JOIN mailproxy.account_health h ON h.tenant_id = b.tenant_id AND h.account_id = b.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = b.tenant_id
), account AS MATERIALIZED (
    SELECT count(*) AS failing, (array_agg(a.tenant_id || '/' || a.account_id || ': ' || coalesce(a.reason, a.state)
                                           ORDER BY a.failing_since))[1] AS longest
      FROM mailproxy.account_health a
     WHERE a.state IN ('backed off', 'to be tried', 'being tried', 'no access token')
), report AS MATERIALIZED (
    SELECT count(*) AS tenants, max(r.overdue) AS longest,
           (array_agg(r.tenant_id || ': ' || coalesce(r.last_error, r.reason) ORDER BY r.overdue DESC))[1] AS who
      FROM mailproxy.report_overdue r
     WHERE r.may_be_called AND r.overdue > interval '5 minutes'
), partition AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE d.ahead = 0) AS today, count(*) AS days, (array_agg(d.name ORDER BY d.ahead, d.name))[1] AS first
      FROM (SELECT a.ahead, p.parent || '_' || to_char((now() AT TIME ZONE 'UTC')::date + a.ahead, 'YYYYMMDD') AS name
              FROM unnest(ARRAY['message_body', 'message_attachment', 'attempt', 'event']) AS p (parent),
                   generate_series(0, 2) AS a (ahead)) d
     WHERE to_regclass('mailproxy.' || d.name) IS NULL
), snapshot AS MATERIALIZED ( -- the worst; of a replication slot only one of the two is known
    SELECT g.level, s.age, s.transactions, s.how_to_end,
           format('%s %s%s', s.kind, coalesce(nullif(concat_ws(' of ', s.pid::text, s.name), ''), 'unknown'),
                  ' (' || nullif(concat_ws(', ', nullif(s.application_name, ''), s.state), '') || ')') AS who
      FROM mailproxy.snapshot_holder s
     CROSS JOIN LATERAL (
           SELECT CASE WHEN s.age > interval '1 hour' OR s.transactions > 50000000 THEN 'critical'
                       WHEN s.age > interval '5 minutes' OR s.transactions > 5000000 THEN 'warn' ELSE 'ok' END AS level) g
     ORDER BY array_position('{critical,warn,ok}', g.level), s.age DESC NULLS LAST, s.transactions DESC NULLS LAST
     LIMIT 1
), dead_rows AS MATERIALIZED (
    SELECT t.table_name, t.dead_rows, t.live_rows, t.vacuumed_at
      FROM mailproxy.hot_table t
     WHERE t.dead_rows > greatest(50000, 2 * t.live_rows)
     ORDER BY t.dead_rows DESC
     LIMIT 1
), bloat AS MATERIALIZED (
    SELECT t.table_name, t.table_octets + t.index_octets AS octets, t.live_rows
      FROM mailproxy.hot_table t
     WHERE t.table_octets + t.index_octets > 134217728 -- 128 MiB: smaller ones do no harm
       AND (t.table_octets + t.index_octets) / greatest(t.live_rows, 1) > 4096
     ORDER BY octets DESC
     LIMIT 1
)
SELECT 'service' AS topic, CASE WHEN i.restore_found_at IS NOT NULL THEN 'critical' WHEN i.active THEN 'ok' ELSE 'warn' END AS level,
       CASE WHEN i.restore_found_at IS NOT NULL
            THEN format('this database was restored to a state before %s: nothing is sent until an operator has agreed', i.restore_seen_at)
            WHEN i.active THEN 'the service is active'
            ELSE 'the service is not active: messages are accepted, nothing is sent or reported' END AS says,
       CASE WHEN i.restore_found_at IS NOT NULL
            THEN 'SELECT * FROM mailproxy.confirm_restore(dry_run => true) says what would go out again: see docs/restore.md'
            WHEN NOT i.active THEN 'POST /commands/activate, or UPDATE mailproxy.instance SET active = true' END AS to_do
  FROM mailproxy.instance i
 UNION ALL
SELECT 'workers', CASE WHEN w.living > 0 THEN 'ok' WHEN b.messages > 0 THEN 'critical' ELSE 'warn' END,
       CASE WHEN w.living > 0 THEN format('workers alive: %s; messages not final: %s', w.living, b.messages)
            ELSE format('no worker is alive, and %s messages wait', b.messages) END,
       CASE WHEN w.living = 0 THEN 'start mailproxy-worker; its log says why it ended' END
  FROM worker w, backlog b
 UNION ALL
SELECT 'dead workers', CASE WHEN w.leftover > 0 THEN 'critical' WHEN w.dead > 0 THEN 'warn' ELSE 'ok' END,
       CASE WHEN w.leftover > 0 THEN format('workers that have ended still hold messages: %s', w.leftover)
            WHEN w.dead > 0 THEN format('not heard of, and not yet taken over: worker %s', w.dead_names)
            ELSE 'none' END,
       CASE WHEN w.leftover + w.dead > 0
            THEN 'a living worker takes over within seconds; if this stays, look at the workers'' logs for reap' END
  FROM worker w
 UNION ALL
SELECT 'backlog', CASE WHEN b.oldest > interval '1 hour' THEN 'critical' WHEN b.oldest > interval '5 minutes' THEN 'warn' ELSE 'ok' END,
       CASE WHEN b.oldest > interval '5 minutes'
            THEN format('the oldest message that nothing keeps from being sent has been due for %s', date_trunc('second', b.oldest))
            ELSE 'nothing that may go has been due for more than 5 minutes' END,
       CASE WHEN b.oldest > interval '5 minutes'
            THEN 'SELECT * FROM mailproxy.account_backlog ORDER BY oldest_due_at: more workers, or more connections for that account' END
  FROM backlog b
 UNION ALL
SELECT 'accounts', CASE WHEN a.failing > 0 THEN 'warn' ELSE 'ok' END,
       CASE WHEN a.failing > 0 THEN format('accounts that cannot send: %s; for the longest time %s', a.failing, a.longest)
            ELSE 'no account is backed off' END,
       CASE WHEN a.failing > 0 THEN 'SELECT * FROM mailproxy.account_health WHERE state <> ''ok''; once mended: POST /commands/run-now' END
  FROM account a
 UNION ALL
SELECT 'reports', CASE WHEN r.longest > interval '1 hour' THEN 'critical' WHEN r.tenants > 0 THEN 'warn' ELSE 'ok' END,
       CASE WHEN r.tenants > 0 THEN format('tenants not told for more than 5 minutes: %s; for the longest time (%s) %s', r.tenants, r.longest, r.who)
            ELSE 'no report is overdue' END,
       CASE WHEN r.tenants > 0 THEN 'SELECT * FROM mailproxy.report_overdue ORDER BY oldest_at' END
  FROM report r
 UNION ALL
SELECT 'partitions', CASE WHEN p.today > 0 THEN 'critical' WHEN p.days > 0 THEN 'warn' ELSE 'ok' END,
       CASE WHEN p.today > 0 THEN format('today has no partition %s: nothing can be stored in it', p.first)
            WHEN p.days > 0 THEN format('there is no partition %s, which will be needed within two days', p.first)
            ELSE 'there are partitions for today and two days more' END,
       CASE WHEN p.days > 0 THEN 'SELECT mailproxy.create_partitions(); a worker should have done it: look at its log for partitions' END
  FROM partition p
 UNION ALL
SELECT 'oldest snapshot', coalesce(s.level, 'ok'),
       CASE WHEN s.who IS NULL THEN 'nobody holds one'
            ELSE format('held by %s, for %s and %s transactions', s.who, coalesce(s.age::text, 'an unknown time'), coalesce(s.transactions, 0)) END,
       CASE WHEN s.level <> 'ok' THEN 'rows that died since then stay in the queue: once it is known whose it is, ' || s.how_to_end END
  FROM (VALUES (1)) AS one LEFT JOIN snapshot s ON true
 UNION ALL
SELECT 'dead rows', CASE WHEN d.table_name IS NULL THEN 'ok' WHEN d.dead_rows > 20 * greatest(d.live_rows, 50000) THEN 'critical' ELSE 'warn' END,
       CASE WHEN d.table_name IS NULL THEN 'autovacuum keeps up'
            ELSE format('%s: %s dead rows, %s live ones, last vacuumed %s', d.table_name, d.dead_rows, d.live_rows,
                        coalesce(to_char(d.vacuumed_at, 'YYYY-MM-DD HH24:MI:SS TZ'), 'never')) END,
       CASE WHEN d.table_name IS NOT NULL
            THEN format('end the oldest snapshot if there is one, then VACUUM mailproxy.%s', d.table_name) END
  FROM (VALUES (1)) AS one LEFT JOIN dead_rows d ON true
 UNION ALL
SELECT 'bloat', CASE WHEN b.table_name IS NULL THEN 'ok' ELSE 'warn' END,
       CASE WHEN b.table_name IS NULL THEN 'no table that is always changing is much larger than what it holds'
            ELSE format('%s takes %s with its indexes, for %s rows', b.table_name, pg_size_pretty(b.octets), b.live_rows) END,
       CASE WHEN b.table_name IS NOT NULL
            THEN format('in a quiet hour, with the service suspended: VACUUM FULL mailproxy.%s; REINDEX TABLE CONCURRENTLY if only the indexes grew',
                        b.table_name) END
  FROM (VALUES (1)) AS one LEFT JOIN bloat b ON true
 UNION ALL
SELECT 'transaction ids', CASE WHEN x.age > 1500000000 THEN 'critical' WHEN x.age > 750000000 THEN 'warn' ELSE 'ok' END,
       format('%s of some 2,100,000,000 used up', to_char(x.age, 'FM9,999,999,999')),
       CASE WHEN x.age > 750000000 THEN 'find what keeps autovacuum from freezing (oldest snapshot), then VACUUM (FREEZE)' END
  FROM (SELECT age(d.datfrozenxid) AS age FROM pg_catalog.pg_database d WHERE d.datname = current_database()) x
 UNION ALL
SELECT 'connections', CASE WHEN c.used >= 0.95 * c.most THEN 'critical' WHEN c.used >= 0.8 * c.most THEN 'warn' ELSE 'ok' END,
       format('%s of %s used', c.used, c.most),
       CASE WHEN c.used >= 0.8 * c.most THEN 'SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1: fewer, a pooler, or a higher max_connections' END
  FROM (SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend') AS used,
               current_setting('max_connections')::integer AS most) c;
COMMENT ON VIEW mailproxy.health IS 'One row for each topic: ok, warn or critical, a sentence, and what to do. Question: is all well? A monitor asks: SELECT * FROM mailproxy.health WHERE level <> ''ok''. Reads the queue once, otherwise what is small.';
