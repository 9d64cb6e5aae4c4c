-- purge_rates: forget what counts against no limit any more.
-- $1 integer at most so many rows of each period
-- Rows: how many rows went.
-- Locks: the rows; locked ones are skipped.
-- Plan: index rate_bucket_by_time.
-- Called by: sweep_rates() in worker/sweep/sweep.c.
WITH gone AS (
    DELETE FROM mailproxy.rate_bucket b
     WHERE b.ctid = ANY (ARRAY(
               SELECT o.ctid
                 FROM mailproxy.rate_length l
                CROSS JOIN LATERAL (
                      SELECT r.ctid
                        FROM mailproxy.rate_bucket r
                       WHERE r.period = l.period AND r.bucket_at <= now() - l.length
                       ORDER BY r.bucket_at
                       LIMIT $1::integer
                         FOR UPDATE SKIP LOCKED) o))
    RETURNING 1
)
SELECT count(*) FROM gone;
