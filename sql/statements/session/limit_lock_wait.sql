-- limit_lock_wait: until the transaction ends, a statement that waits longer for a lock fails (SQLSTATE 55P03).
-- $1 text milliseconds
-- Rows: one, of no interest.
-- Locks: none.
-- Called by: insert_limit_lock_wait() in server/intake/insert.c.
SELECT set_config('lock_timeout', $1::text, true);
