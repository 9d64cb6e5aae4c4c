-- read_suspension: has anything been suspended, paused or activated?
-- Rows: a number that tells by being another one than before. Always one row.
-- Locks: none.
-- Called by: suspension_ask() in worker/claim/suspension.c.
SELECT i.suspension_seq FROM mailproxy.instance i;
