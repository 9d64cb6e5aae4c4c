-- insert_worker: a worker's life begins, unless the database is older than it should be.
-- $1 text host  $2 integer pid  $3 text program version  $4 integer lease, seconds
-- What was last seen of this database, all null when that is not known: $5 bigint instance epoch, and of a worker: $6 bigint
-- epoch  $7 bigint when it started  $8 bigint its last heartbeat, both in microseconds since the Unix epoch
-- Rows: one: bigint epoch, never used before; when it started and its first heartbeat (microseconds); bigint instance epoch; whether
--       nothing is sent until confirm_restore(); then, what was lost at least, in words of the database's clock: text from, text to.
-- A state of the database that was seen and is gone means that it was restored to one before it. Whoever sees that stops all
-- sending, in the same transaction, before it can claim anything; a worker that remembers nothing is stopped as well.
-- Locks: the instance's row when something is gone.
-- Plan: primary keys; when something is gone, all of worker, a row for each life of a worker.
-- Called by: lease_register() in worker/claim/lease.c.
WITH born AS (
    INSERT INTO mailproxy.worker (host, pid, version, lease_s)
    VALUES ($1::text, $2::integer, $3::text, $4::integer)
    RETURNING epoch, started_at, heartbeat_at
), gone AS (
    SELECT FROM mailproxy.instance i
     WHERE i.epoch <= $5::bigint
       AND NOT EXISTS (SELECT FROM mailproxy.worker w
                        WHERE w.epoch = $6::bigint AND extract(epoch FROM w.started_at) * 1000000 = $7::bigint
                          AND extract(epoch FROM w.heartbeat_at) * 1000000 >= $8::bigint)
), found AS (
    UPDATE mailproxy.instance i
       SET restore_found_at = coalesce(i.restore_found_at, now()), restore_found_by = coalesce(i.restore_found_by, b.epoch),
           restore_seen_epoch = greatest(i.restore_seen_epoch, $5::bigint),
           restore_seen_at = greatest(i.restore_seen_at, timestamptz 'epoch' + $8::bigint * interval '1 microsecond')
      FROM gone, born b
    RETURNING i.epoch, i.restore_seen_at
), seen AS (
    SELECT f.epoch, f.restore_seen_at FROM found f
     UNION ALL
    SELECT i.epoch, i.restore_seen_at FROM mailproxy.instance i WHERE NOT EXISTS (SELECT FROM found)
)
SELECT b.epoch, (extract(epoch FROM b.started_at) * 1000000)::bigint, (extract(epoch FROM b.heartbeat_at) * 1000000)::bigint,
       s.epoch, s.restore_seen_at IS NOT NULL,
       CASE WHEN s.restore_seen_at IS NOT NULL
            THEN (SELECT max(w.heartbeat_at) FROM mailproxy.worker w WHERE w.heartbeat_at < s.restore_seen_at)::text END,
       s.restore_seen_at::text
  FROM born b, seen s;
