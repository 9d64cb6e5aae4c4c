-- promote_due: messages whose time has come join those that may be claimed.
-- $1 integer at most so many
-- Rows: how many were.
-- Locks: the promoted rows; locked ones are skipped.
-- Plan: index queue_scheduled.
-- Called by: sweep_promote() in worker/sweep/sweep.c.
WITH promoted AS (
    UPDATE mailproxy.queue q
       SET state = 'ready'
     WHERE q.message_pk = ANY (ARRAY(
               SELECT message_pk FROM mailproxy.queue
                WHERE state = 'scheduled' AND due_at <= now()
                ORDER BY due_at
                LIMIT $1::integer
                  FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM promoted;
