-- forget_fronts: accounts whose front is not worth asking for by itself are found by the skip scan again.
-- Rows: how many.
-- To ask for an account with a front costs a claim what passing some 64 dead entries of index queue_ready does; while the queue has
-- fewer dead rows than that for each, fronts save nothing. The next of their messages that is the 256th gives one again.
-- Locks: the account_state rows; those of accounts that are being claimed are skipped.
-- Plan: index account_state_fronts.
-- Called by: sweep_fronts() in worker/sweep/sweep.c.
WITH fronts AS MATERIALIZED (
    SELECT s.tenant_id, s.account_id FROM mailproxy.account_state s WHERE s.has_front
), forgotten AS (
    UPDATE mailproxy.account_state s
       SET has_front = false, front = NULL, front_next = NULL, front_next_at = NULL, overtaken = false
      FROM (SELECT l.tenant_id, l.account_id
              FROM mailproxy.account_state l
             WHERE l.has_front
               AND pg_stat_get_dead_tuples('mailproxy.queue'::regclass) < 64 * (SELECT count(*) FROM fronts)
               FOR NO KEY UPDATE SKIP LOCKED) f
     WHERE s.tenant_id = f.tenant_id AND s.account_id = f.account_id
    RETURNING 1
)
SELECT count(*) FROM forgotten;
