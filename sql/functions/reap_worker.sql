-- reap_worker: give up one worker at once, and let others take over what it held.
-- Needs: log_operation
-- Locks: the worker's row, for which a claim of that worker under way is waited for; then as take_over() does.
CREATE OR REPLACE FUNCTION mailproxy.reap_worker(epoch bigint, forced boolean DEFAULT false) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    w     record;
    done  mailproxy.effect;
    ended boolean;
BEGIN
    SELECT v.host, v.pid, v.ended_at, v.heartbeat_at, v.heartbeat_at >= now() - make_interval(secs => v.lease_s) AS fresh
      INTO w FROM mailproxy.worker v WHERE v.epoch = reap_worker.epoch FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = format('there never was a worker %s', coalesce(reap_worker.epoch::text, 'null: name one'));
    END IF;
    ended := w.ended_at IS NOT NULL;
    IF w.fresh AND NOT ended AND NOT forced THEN
        RAISE object_in_use USING
            MESSAGE = format('worker %s (pid %s on %s) was heard of at %s: it is alive', reap_worker.epoch, w.pid, w.host, w.heartbeat_at),
            HINT = 'Stop it, or add forced => true: what it is just sending may then be sent twice.';
    END IF;
    UPDATE mailproxy.worker v SET ended_at = now(), ended_how = 'reaped', in_flight = 0
     WHERE v.epoch = reap_worker.epoch AND NOT ended;
    SELECT count(*), 0, 0, (array_agg(t.message_id ORDER BY t.message_pk))[1:5] INTO done
      FROM mailproxy.take_over(ARRAY[reap_worker.epoch]) t;
    IF NOT ended OR done.messages > 0 THEN
        PERFORM pg_notify('mailproxy_wake', '');
        PERFORM mailproxy.log_operation('reapWorker', NULL, jsonb_build_object('worker', reap_worker.epoch, 'forced', forced), done);
    END IF;
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.reap_worker(bigint, boolean) IS 'Do at once what happens to a worker without a heartbeat for lease_s seconds (worker.epoch names it): what it held is ready again, its attempts in doubt; messages: how many. For a machine that is known to be gone. A worker whose heartbeat is fresh is refused unless forced. SELECT * FROM mailproxy.reap_worker(7)';
REVOKE EXECUTE ON FUNCTION mailproxy.reap_worker(bigint, boolean) FROM PUBLIC;
