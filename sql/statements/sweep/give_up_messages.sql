-- give_up_messages: end what has waited behind the closed gate of an account at fault for longer than its maximum age, a chunk
-- at a time, by one process at a time.
-- $1 integer the service's maximum age, seconds; 0: none  $2 bigint our own epoch, whose counters these are
-- $3 text tenant_id, $4 text account_id, $5 integer priority, $6 bigint message_pk: after which message to go on; two empty
-- texts and zeros: from the first
-- Rows: tenant_id, account_id, priority and message_pk to go on after, null when nothing is left to look at; then of each
--       message given up: tenant_id, message_id, account_id, attempts, seconds it had waited, reason. None: one row without.
-- An account's messages are given up when both it and they have failed for so long: a message since its first failed attempt, or,
-- never tried, since it was accepted or its own time came. So what waited for a rate limit or while it was suspended is not lost
-- by a short fault. What a worker holds, and a message that some recipients have already (only composing it tells who the others
-- are), is ended by its own next attempt.
-- Locks: advisory, for this transaction; the queue rows (locked ones are skipped), shares account_state rows through the counters
-- of this worker, in order, then tenant_sync rows in order.
-- Plan: of each such account and priority the first row of index queue_ready and its message; where that message is young the rest
-- are as well. Else up to 1000 rows from there on, and their messages by primary key (tests/sql).
-- Called by: sweep_give_up() in worker/sweep/sweep.c.
WITH ours AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('mailproxy.give_up_messages')) AS yes
), failing AS MATERIALIZED (
    SELECT s.tenant_id, s.account_id, s.gate_reason, e.max_age_s, now() - make_interval(secs => e.max_age_s) AS given_up_before
      FROM mailproxy.account_state s
      JOIN mailproxy.account a ON a.tenant_id = s.tenant_id AND a.account_id = s.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = s.tenant_id
     CROSS JOIN LATERAL (SELECT coalesce(a.retry_max_age_s, t.retry_max_age_s, $1::integer) AS max_age_s) e
     WHERE (s.tenant_id, s.account_id) >= ($3::text, $4::text)
       AND s.failures > 0 AND s.gate_until > now()
       AND e.max_age_s > 0 AND s.failing_since <= now() - make_interval(secs => e.max_age_s)
       AND '*' <> ALL (t.suspended_batches) AND a.paused_at IS NULL
       AND (SELECT sends FROM mailproxy.instance)
       AND (SELECT yes FROM ours)
), looked_at AS MATERIALIZED (
    SELECT f.tenant_id, f.account_id, f.priority, f.gate_reason, f.max_age_s, f.given_up_before, l.message_pk, l.attempts, l.due_at
      FROM (SELECT g.*, p.priority,
                   CASE WHEN (g.tenant_id, g.account_id, p.priority) = ($3::text, $4::text, $5::integer)
                        THEN $6::bigint ELSE 0 END AS after_pk
              FROM failing g
             CROSS JOIN generate_series(0, 3) AS p (priority)
             WHERE (g.tenant_id, g.account_id, p.priority) >= ($3::text, $4::text, $5::integer)
             ORDER BY g.tenant_id, g.account_id, p.priority) f
     CROSS JOIN LATERAL (
           SELECT q.message_pk,
                  (SELECT m.created_at FROM mailproxy.message m WHERE m.message_pk = q.message_pk) AS created_at
             FROM mailproxy.queue q
            WHERE q.state = 'ready' AND q.tenant_id = f.tenant_id AND q.account_id = f.account_id
              AND q.priority = f.priority AND q.message_pk > f.after_pk
            ORDER BY q.message_pk
            LIMIT 1) o
     CROSS JOIN LATERAL (
           SELECT q.message_pk, q.attempts, q.due_at
             FROM mailproxy.queue q
            WHERE o.created_at <= f.given_up_before
              AND q.state = 'ready' AND q.tenant_id = f.tenant_id AND q.account_id = f.account_id
              AND q.priority = f.priority AND q.message_pk >= o.message_pk
            ORDER BY q.message_pk
            LIMIT 1000) l
     LIMIT 1000
), judged AS MATERIALIZED (
    SELECT l.*, w.message_id, w.since, format('Max age (%s s) exceeded: %s', l.max_age_s, l.gate_reason) AS reason
      FROM looked_at l
     CROSS JOIN LATERAL (
           SELECT m.message_id, coalesce(m.deferred_since, l.due_at) AS since
             FROM mailproxy.message m
            WHERE m.message_pk = l.message_pk AND m.settled IS NULL) w
     WHERE w.since <= l.given_up_before
), given_up AS MATERIALIZED (
    SELECT j.message_pk, j.tenant_id, j.message_id, j.account_id, j.attempts, j.since, j.reason
      FROM judged j
      JOIN mailproxy.queue q ON q.message_pk = j.message_pk AND q.attempts = j.attempts -- not claimed meanwhile
     WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM judged)) AND q.state = 'ready'
     ORDER BY q.message_pk
       FOR UPDATE OF q SKIP LOCKED
), finished AS (
    DELETE FROM mailproxy.queue q
     WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM given_up))
), updated AS (
    UPDATE mailproxy.message m
       SET state = 'error', finished_at = now(), updated_at = now(), reason = g.reason
      FROM given_up g
     WHERE m.message_pk = g.message_pk
), tried AS (
    INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, blame, tenant_id, account_id, reply)
    SELECT message_pk, $2::bigint, attempts, 'error', 'account', tenant_id, account_id, reason
      FROM given_up
), noted AS (
    INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description)
    SELECT message_pk, now(), 'error', tenant_id, reason
      FROM given_up
), counted AS (
    INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, errors)
    SELECT g.tenant_id, g.account_id, $2::bigint, count(*)
      FROM given_up g
      JOIN mailproxy.account_state s ON s.tenant_id = g.tenant_id AND s.account_id = g.account_id -- else no row may be
     GROUP BY g.tenant_id, g.account_id
     ORDER BY g.tenant_id, g.account_id
    ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE SET errors = c.errors + excluded.errors
    RETURNING 1
), listening AS MATERIALIZED (
    SELECT s.tenant_id
      FROM mailproxy.tenant_sync s
     WHERE s.tenant_id = ANY (ARRAY(SELECT DISTINCT tenant_id FROM given_up))
       AND (SELECT count(*) FROM counted) >= 0 -- first
     ORDER BY s.tenant_id
       FOR UPDATE
), rung AS (
    UPDATE mailproxy.tenant_sync s
       SET news_seq = s.news_seq + 1
     WHERE s.tenant_id = ANY (ARRAY(SELECT tenant_id FROM listening))
)
SELECT p.tenant_id, p.account_id, p.priority, p.message_pk, g.tenant_id, g.message_id, g.account_id, g.attempts,
       floor(extract(epoch FROM now() - g.since))::bigint, g.reason
  FROM (SELECT 1) one
  LEFT JOIN (SELECT l.tenant_id, l.account_id, l.priority, l.message_pk
               FROM looked_at l
              WHERE (SELECT count(*) FROM looked_at) = 1000
              ORDER BY l.tenant_id DESC, l.account_id DESC, l.priority DESC, l.message_pk DESC
              LIMIT 1) p ON true
  LEFT JOIN given_up g ON true;
