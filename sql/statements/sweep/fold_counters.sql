-- fold_counters: add the counters of workers that have ended to those of epoch 0, by one process at a time.
-- Rows: how many workers' were; null: another one is at it.
-- A result that such a worker was just recording may come in a row of its own after this: the next turn finds it. No sum over
-- all epochs is ever wrong, because rows go and arrive in one statement.
-- Locks: advisory, for this transaction; shares account_state rows in order, then counters, as the deletion of an account does.
-- Plan: skip scans of account_counter_by_worker and of attempt_counter's primary key from worker to worker; then the rows of
-- those that have ended.
-- Called by: sweep_fold() in worker/sweep/sweep.c.
WITH RECURSIVE ours AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('mailproxy.fold_counters')) AS yes
), of_accounts AS (
    (SELECT c.worker_epoch FROM mailproxy.account_counter c
      WHERE c.worker_epoch > 0 ORDER BY c.worker_epoch LIMIT 1)
    UNION ALL
    SELECT n.worker_epoch
      FROM of_accounts o
     CROSS JOIN LATERAL (SELECT c.worker_epoch FROM mailproxy.account_counter c
                          WHERE c.worker_epoch > 0 AND c.worker_epoch > o.worker_epoch
                          ORDER BY c.worker_epoch LIMIT 1) n
), of_attempts AS (
    (SELECT c.worker_epoch FROM mailproxy.attempt_counter c
      WHERE c.worker_epoch > 0 ORDER BY c.worker_epoch LIMIT 1)
    UNION ALL
    SELECT n.worker_epoch
      FROM of_attempts o
     CROSS JOIN LATERAL (SELECT c.worker_epoch FROM mailproxy.attempt_counter c
                          WHERE c.worker_epoch > o.worker_epoch
                          ORDER BY c.worker_epoch LIMIT 1) n
), ended AS MATERIALIZED (
    SELECT e.worker_epoch
      FROM (SELECT worker_epoch FROM of_accounts UNION SELECT worker_epoch FROM of_attempts) e
     WHERE (SELECT yes FROM ours)
       AND NOT EXISTS (SELECT FROM mailproxy.worker w WHERE w.epoch = e.worker_epoch AND w.ended_at IS NULL)
), held AS MATERIALIZED (
    SELECT s.tenant_id
      FROM mailproxy.account_state s
     WHERE (s.tenant_id, s.account_id) IN (SELECT c.tenant_id, c.account_id
                                             FROM mailproxy.account_counter c
                                            WHERE c.worker_epoch = ANY (ARRAY(SELECT worker_epoch FROM ended)))
     ORDER BY s.tenant_id, s.account_id
       FOR KEY SHARE OF s
), counts AS (
    DELETE FROM mailproxy.account_counter c
     WHERE c.worker_epoch = ANY (ARRAY(SELECT worker_epoch FROM ended)) AND (SELECT count(*) FROM held) >= 0
       AND c.worker_epoch > 0
    RETURNING c.*
), counted AS (
    INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, sent, errors, deferred, rate_limited,
                                                in_doubt)
    SELECT n.tenant_id, n.account_id, 0, sum(n.sent), sum(n.errors), sum(n.deferred), sum(n.rate_limited), sum(n.in_doubt)
      FROM counts n
     GROUP BY n.tenant_id, n.account_id
     ORDER BY n.tenant_id, n.account_id
    ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE
           SET sent = c.sent + excluded.sent, errors = c.errors + excluded.errors,
               deferred = c.deferred + excluded.deferred, rate_limited = c.rate_limited + excluded.rate_limited,
               in_doubt = c.in_doubt + excluded.in_doubt
), times AS (
    DELETE FROM mailproxy.attempt_counter c
     WHERE c.worker_epoch = ANY (ARRAY(SELECT worker_epoch FROM ended))
    RETURNING c.*
), timed AS (
    INSERT INTO mailproxy.attempt_counter AS c (worker_epoch, outcome, reply_class, le_ms, attempts, total_ms)
    SELECT 0, n.outcome, n.reply_class, n.le_ms, sum(n.attempts), sum(n.total_ms)
      FROM times n
     GROUP BY n.outcome, n.reply_class, n.le_ms
    ON CONFLICT (worker_epoch, outcome, reply_class, le_ms) DO UPDATE
           SET attempts = c.attempts + excluded.attempts, total_ms = c.total_ms + excluded.total_ms
)
SELECT CASE WHEN (SELECT yes FROM ours) THEN (SELECT count(*) FROM ended) END;
