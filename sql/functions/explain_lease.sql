-- explain_lease: who has a message in hand.
-- Needs: explain_time
CREATE OR REPLACE FUNCTION mailproxy.explain_lease(of_message bigint) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('Worker %s%s has had it in hand since %s: attempt %s is under way.%s', q.lease_epoch,
                  format(' (%s, pid %s)', w.host, w.pid), mailproxy.explain_time(q.leased_at), q.attempts,
                  CASE WHEN w.epoch IS NULL OR w.ended_at IS NOT NULL
                       THEN format(' That worker has ended (%s): another one takes the message over within seconds, and it is in doubt whether the relay has it.', w.ended_how)
                       WHEN w.heartbeat_at < now() - make_interval(secs => w.lease_s)
                       THEN format(' That worker was last heard of at %s and counts as dead: another one takes the message over, and it is in doubt whether the relay has it.',
                                   mailproxy.explain_time(w.heartbeat_at))
                       WHEN w.heartbeat_at < now() - make_interval(secs => w.lease_s / 2.0)
                       THEN format(' That worker was last heard of at %s; after %s s of silence another one takes the message over.',
                                   mailproxy.explain_time(w.heartbeat_at), w.lease_s) END)
      FROM mailproxy.queue q
      LEFT JOIN mailproxy.worker w ON w.epoch = q.lease_epoch
     WHERE q.message_pk = of_message AND q.state = 'leased'
$$;
COMMENT ON FUNCTION mailproxy.explain_lease(bigint) IS 'The part of explain_message() on a message that is leased; message_pk.';
