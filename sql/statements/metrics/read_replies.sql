-- read_replies: attempts by the first digit of the reply that decided them.
-- Rows: digit (0: there was no reply), attempts; one for each digit there is.
-- Locks: none.
-- Plan: attempt_counter by its primary key: at most some hundred rows for each worker that lives.
-- Called by: metrics_ask() in server/routes/metrics.c.
SELECT d.digit, coalesce(c.attempts, 0)
  FROM unnest(ARRAY[0, 2, 3, 4, 5]::smallint[]) AS d (digit)
  LEFT JOIN (SELECT n.reply_class, sum(n.attempts)::bigint AS attempts
               FROM mailproxy.attempt_counter n
              GROUP BY n.reply_class) c ON c.reply_class = d.digit
 ORDER BY d.digit;
