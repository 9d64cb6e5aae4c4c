-- beat_worker: the worker is alive, and so are its leases.
-- $1 bigint epoch  $2 integer messages in flight  $3 bigint when it started  $4 bigint its last heartbeat known to be stored, both in
-- microseconds since the Unix epoch
-- Rows: one when it still counts as alive: this heartbeat (microseconds), bigint instance epoch. None when it was reaped, or the
--       database was restored to an earlier state: what it holds is no longer its own.
-- A heartbeat that comes late makes it unsteady for half a lease: it reaps nobody then, see reap_workers.
-- Called by: lease_beat() in worker/claim/lease.c.
UPDATE mailproxy.worker w
   SET heartbeat_at = now(), in_flight = $2::integer,
       steady_since = CASE WHEN w.heartbeat_at > now() - make_interval(secs => w.lease_s / 2.0) THEN w.steady_since ELSE now() END
  FROM mailproxy.instance i
 WHERE w.epoch = $1::bigint AND w.ended_at IS NULL
   AND extract(epoch FROM w.started_at) * 1000000 = $3::bigint
   AND extract(epoch FROM w.heartbeat_at) * 1000000 >= $4::bigint
RETURNING (extract(epoch FROM w.heartbeat_at) * 1000000)::bigint, i.epoch;
