-- beat_worker: the worker is alive, and so are its leases.
-- $1 bigint epoch  $2 integer messages in flight
-- Rows: one when it still counts as alive; none when it was reaped: what it holds is no longer its own.
-- Called by: lease_beat() in worker/claim/lease.c.
UPDATE mailproxy.worker
   SET heartbeat_at = now(), in_flight = $2::integer
 WHERE epoch = $1::bigint AND ended_at IS NULL
RETURNING epoch;
