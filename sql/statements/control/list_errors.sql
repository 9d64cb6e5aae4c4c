-- list_errors: what relays have said instead of yes, by account and reply, the most frequent first: recent_error over more than an hour.
-- $1 text tenant_id, null: all  $2 integer hours
-- Rows: since when all of them are counted (seconds since the epoch); tenant_id, account_id, reply_code, status, outcome, reply of the last
--       one, how many, when the last one was (seconds since the epoch), the message_id of the last one (null: it was deleted since). At most
--       100, of the newest 50,000 failed attempts of all tenants; tenant_id is null where there are none.
-- Locks: none.
-- Plan: index attempt_not_sent of each partition of these hours, from its end.
-- Called by: errors_get() in server/routes/errors.c.
WITH failed AS MATERIALIZED (
    SELECT a.attempt_pk, a.message_pk, a.tenant_id, a.account_id, a.reply_code, a.status, a.phase, a.blame, a.outcome, a.ended_at
      FROM mailproxy.attempt a
     WHERE a.outcome <> 'sent' AND a.ended_at > now() - make_interval(hours => $2::integer)
     ORDER BY a.ended_at DESC
     LIMIT 50000),
frequent AS MATERIALIZED (
    SELECT f.tenant_id, f.account_id, f.reply_code, f.status, f.outcome, count(*) AS attempts, max(f.attempt_pk) AS last_pk
      FROM failed f
     WHERE $1::text IS NULL OR f.tenant_id = $1::text
     GROUP BY f.tenant_id, f.account_id, f.reply_code, f.status, f.phase, f.blame, f.outcome
     ORDER BY attempts DESC, last_pk DESC
     LIMIT 100)
SELECT floor(extract(epoch FROM s.since))::bigint, e.tenant_id, e.account_id, e.reply_code, e.status, e.outcome, x.reply, e.attempts,
       floor(extract(epoch FROM x.ended_at))::bigint, m.message_id
  FROM (SELECT CASE WHEN count(*) = 50000 THEN min(f.ended_at) ELSE now() - make_interval(hours => $2::integer) END AS since
          FROM failed f) s
       LEFT JOIN frequent e ON true
       LEFT JOIN failed l ON l.attempt_pk = e.last_pk
       LEFT JOIN LATERAL (SELECT t.reply, t.ended_at
                            FROM mailproxy.attempt t
                           WHERE t.message_pk = l.message_pk AND t.attempt_pk = l.attempt_pk AND t.ended_at = l.ended_at
                           LIMIT 1) x ON true
       LEFT JOIN LATERAL (SELECT g.message_id FROM mailproxy.message g WHERE g.message_pk = l.message_pk LIMIT 1) m ON true
 ORDER BY e.attempts DESC, e.last_pk DESC;
