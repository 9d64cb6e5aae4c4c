-- read_durations: the histogram of how long attempts took, for each outcome.
-- Rows: outcome, upper bound in ms, attempts up to it, their ms together; one for each outcome and bound, in order.
-- Locks: none.
-- Plan: attempt_counter by its primary key: at most some hundred rows for each worker that lives.
-- Called by: metrics_ask() in server/routes/metrics.c.
WITH counted AS MATERIALIZED (
    SELECT c.outcome, c.le_ms, sum(c.attempts) AS attempts, sum(c.total_ms) AS total_ms
      FROM mailproxy.attempt_counter c
     GROUP BY c.outcome, c.le_ms
)
SELECT o.outcome, b.le_ms, coalesce(sum(c.attempts), 0)::bigint, coalesce(sum(c.total_ms), 0)::bigint
  FROM unnest(enum_range(NULL::mailproxy.outcome)) AS o (outcome)
 CROSS JOIN unnest(mailproxy.attempt_bounds_ms()) AS b (le_ms)
  LEFT JOIN counted c ON c.outcome = o.outcome AND c.le_ms <= b.le_ms
 GROUP BY o.outcome, b.le_ms
 ORDER BY o.outcome, b.le_ms;
