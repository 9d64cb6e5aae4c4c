-- insert_worker: a worker's life begins.
-- $1 text host  $2 integer pid  $3 text program version  $4 integer lease, seconds
-- Rows: bigint epoch, never used before.
-- Called by: lease_register() in worker/claim/lease.c.
INSERT INTO mailproxy.worker (host, pid, version, lease_s)
VALUES ($1::text, $2::integer, $3::text, $4::integer)
RETURNING epoch;
