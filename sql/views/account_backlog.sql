-- account_backlog: what each account has still to send, since when, and when that will be done.
CREATE OR REPLACE VIEW mailproxy.account_backlog WITH (security_invoker = true) AS
SELECT b.tenant_id, b.account_id, b.messages, b.ready, b.sending, b.deferred, b.held, b.oldest_due_at, p.per_minute,
       CASE WHEN a.paused_at IS NULL
            THEN make_interval(secs => round((b.messages - b.held) * 60.0 / nullif(p.per_minute, 0))) END AS drained_in
  FROM (SELECT q.tenant_id, q.account_id, count(*) AS messages,
               count(*) FILTER (WHERE q.state = 'ready') AS ready,
               count(*) FILTER (WHERE q.state = 'leased') AS sending,
               count(*) FILTER (WHERE q.state = 'scheduled') AS deferred,
               count(*) FILTER (WHERE q.state = 'held') AS held,
               min(q.due_at) FILTER (WHERE q.due_at <= now() AND q.state IN ('ready', 'scheduled')) AS oldest_due_at
          FROM mailproxy.queue q
         GROUP BY q.tenant_id, q.account_id) b
  LEFT JOIN (SELECT f.tenant_id, f.account_id, round(count(*) / 5.0, 1) AS per_minute
               FROM mailproxy.attempt f
              WHERE f.ended_at > now() - interval '5 minutes' AND f.outcome <> 'deferred'
              GROUP BY f.tenant_id, f.account_id) f ON f.tenant_id = b.tenant_id AND f.account_id = b.account_id
  LEFT JOIN mailproxy.account a ON a.tenant_id = b.tenant_id AND a.account_id = b.account_id
 CROSS JOIN LATERAL (
       SELECT least(f.per_minute, a.limit_per_minute, round(a.limit_per_hour / 60.0, 3), round(a.limit_per_day / 1440.0, 3))
              AS per_minute) p;
COMMENT ON VIEW mailproxy.account_backlog IS 'Messages that are not final, by account and state; an account with none has no row. Question: who has mail waiting, since when, and when will it be gone? Reads the whole queue and the attempts of five minutes.';
COMMENT ON COLUMN mailproxy.account_backlog.ready IS 'May be claimed; of an account whose gate is closed (account_health), when it opens.';
COMMENT ON COLUMN mailproxy.account_backlog.oldest_due_at IS 'Since when the oldest that is not held has been due; null: none is due.';
COMMENT ON COLUMN mailproxy.account_backlog.per_minute IS 'Messages that became final in the last five minutes, by the minute; never more than the account''s own limits allow in the long run, and that much while nothing was sent. Null: nothing was, and there is no limit.';
COMMENT ON COLUMN mailproxy.account_backlog.drained_in IS 'How long all but the held ones take at that pace, if no more come; null: no pace is known, or the account is paused.';
