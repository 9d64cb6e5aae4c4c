-- beat_worker: the worker is alive, and so are its leases.
-- $1 bigint epoch  $2 integer messages in flight
-- Rows: one when it still counts as alive; none when it was reaped: what it holds is no longer its own.
-- A heartbeat that comes late makes it unsteady for half a lease: it reaps nobody then, see reap_workers.
-- Called by: lease_beat() in worker/claim/lease.c.
UPDATE mailproxy.worker
   SET heartbeat_at = now(), in_flight = $2::integer,
       steady_since = CASE WHEN heartbeat_at > now() - make_interval(secs => lease_s / 2.0) THEN steady_since ELSE now() END
 WHERE epoch = $1::bigint AND ended_at IS NULL
RETURNING epoch;
