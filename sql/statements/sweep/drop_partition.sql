-- drop_partition: one day's partition that is past its time goes, by one process at a time.
-- $1 bigint seconds that content and attachments are kept after their day  $2 bigint the same of attempts and events; 0: for ever
-- Rows: one: the partition that went; the one that could not, because its table was in use just then. Neither: there is none.
-- Locks: advisory, for this transaction; the partition and its parent, exclusively, until the transaction ends, which is at once;
--        waits for them for a tenth of a second at most.
-- Called by: retention_drop() in worker/sweep/retention.c.
SELECT d.dropped, d.in_use FROM mailproxy.drop_old_partition($1::bigint, $2::bigint) d;
