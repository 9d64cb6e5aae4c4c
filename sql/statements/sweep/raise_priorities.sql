-- raise_priorities: messages that have been due for long rise by one priority where higher ones of their account go first.
-- $1 integer seconds after which a message rises by one, and after which it does so again
-- Rows: how many rose; null: another worker is at it.
-- What is due rises to 1 at most: 0 stays what passes by whatever waits. message.priority stays what the client asked for.
-- Of an account only the first hundred messages of each priority are looked at, and of all of them the 5000 that have been due
-- longest are taken: a backlog is neither read nor written again as a whole, and what is behind those is claimed after them anyway.
-- Where nothing of a higher priority, but for 0, is ready, nothing rises: it would make no difference.
-- Locks: advisory, for this transaction; the rows that rise. Locked ones are skipped: they are being claimed.
-- Plan: a skip scan of index queue_ready from priority to priority of each account, then index queue_ready again for each that
-- has a higher one before it; primary keys (tests/sql).
-- Called by: sweep_raise() in worker/sweep/sweep.c.
WITH RECURSIVE ours AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('mailproxy.raise_priorities')) AS yes
), level AS (
    (SELECT q.tenant_id, q.account_id, q.priority
       FROM mailproxy.queue q
      WHERE q.state = 'ready' AND (SELECT yes FROM ours)
      ORDER BY q.tenant_id, q.account_id, q.priority
      LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.account_id, n.priority
      FROM level l
     CROSS JOIN LATERAL (
           SELECT q.tenant_id, q.account_id, q.priority
             FROM mailproxy.queue q
            WHERE q.state = 'ready' AND (q.tenant_id, q.account_id, q.priority) > (l.tenant_id, l.account_id, l.priority)
            ORDER BY q.tenant_id, q.account_id, q.priority
            LIMIT 1) n
), passed_by AS MATERIALIZED (
    SELECT l.tenant_id, l.account_id, l.priority
      FROM (SELECT v.*, min(v.priority) OVER (PARTITION BY v.tenant_id, v.account_id) AS highest
              FROM level v
             WHERE v.priority > 0) l
     WHERE l.priority > l.highest
), due AS MATERIALIZED (
    SELECT h.message_pk, h.due_at
      FROM passed_by p
     CROSS JOIN LATERAL (
           SELECT q.message_pk, q.due_at, q.priority
             FROM mailproxy.queue q
            WHERE q.state = 'ready' AND q.tenant_id = p.tenant_id AND q.account_id = p.account_id AND q.priority = p.priority
            ORDER BY q.message_pk
            LIMIT 100) h
     WHERE h.due_at <= now() - make_interval(secs => $1::integer)
       AND h.due_at <= now() - make_interval(secs => $1::integer * (
               1.0 - h.priority + (SELECT m.priority FROM mailproxy.message m WHERE m.message_pk = h.message_pk)))
     ORDER BY h.due_at
     LIMIT 5000
), risen AS (
    UPDATE mailproxy.queue q
       SET priority = q.priority - 1
     WHERE q.message_pk = ANY (ARRAY(
               SELECT k.message_pk
                 FROM mailproxy.queue k
                WHERE k.message_pk = ANY (ARRAY(SELECT message_pk FROM due)) AND k.lease_token IS NULL AND k.priority > 1
                  FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT CASE WHEN (SELECT yes FROM ours) THEN (SELECT count(*) FROM risen) END;
