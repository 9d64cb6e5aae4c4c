-- explain_waiting: why a message that is in nobody's hands is not sent yet.
CREATE OR REPLACE FUNCTION mailproxy.explain_waiting(of_message bigint) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w     record;
    ahead bigint;
BEGIN
    SELECT q.tenant_id, q.account_id, q.state, q.due_at, q.priority, q.attempts, q.waits_for_account, m.retries, m.reason, m.batch_code,
           m.deferred_since, coalesce(a.retry_max_age_s, t.retry_max_age_s) AS max_age_s,
           t.suspended_batches, i.active, i.restore_found_at, i.restore_seen_at,
           EXISTS (SELECT FROM mailproxy.worker l
                    WHERE l.ended_at IS NULL AND l.heartbeat_at >= now() - make_interval(secs => l.lease_s)) AS worked
      INTO w
      FROM mailproxy.queue q
      JOIN mailproxy.message m ON m.message_pk = q.message_pk
      JOIN mailproxy.account a ON a.tenant_id = q.tenant_id AND a.account_id = q.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = q.tenant_id
     CROSS JOIN mailproxy.instance i
     WHERE q.message_pk = of_message AND q.state <> 'leased';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT w.active THEN
        RETURN NEXT 'The service is not active: nothing is sent until POST /commands/activate.';
    END IF;
    IF w.restore_found_at IS NOT NULL THEN
        RETURN NEXT format('The database was restored to a state before %s: nothing is sent until an operator runs mailproxy.confirm_restore().',
                           mailproxy.explain_time(w.restore_seen_at));
    END IF;
    IF '*' = ANY (w.suspended_batches) THEN
        RETURN NEXT format('Tenant %s is suspended as a whole: nothing of it is sent until it is activated.', w.tenant_id);
    END IF;
    IF w.state = 'held' THEN
        RETURN NEXT format('Batch %s is suspended: the message is held until the batch is activated.', w.batch_code);
    END IF;
    IF NOT w.worked THEN
        RETURN NEXT 'No worker is alive: nothing is sent until mailproxy-worker runs.';
    END IF;
    IF w.due_at > now() AND w.attempts = 0 THEN
        RETURN NEXT format('It is not to be sent before %s, as its sender wished.', mailproxy.explain_time(w.due_at));
    ELSIF w.state = 'scheduled' AND w.due_at > now() THEN
        RETURN NEXT format('Deferred: retry %s is due at %s%s. The last reply: %s.', w.retries, mailproxy.explain_time(w.due_at),
                           CASE WHEN w.waits_for_account THEN ', or at once by run-now or an update of its account' END,
                           coalesce(w.reason, 'unknown'));
    ELSIF w.reason IS NOT NULL THEN
        RETURN NEXT format('It was tried before (attempts: %s, retries used up: %s). The last reply: %s.', w.attempts, w.retries, w.reason);
    END IF;
    IF w.deferred_since IS NOT NULL AND w.max_age_s IS DISTINCT FROM 0 THEN
        RETURN NEXT format('It has failed since %s and is given up at the latest %s.', mailproxy.explain_time(w.deferred_since),
                           coalesce('at ' || mailproxy.explain_time(w.deferred_since + make_interval(secs => w.max_age_s)),
                                    'when that is longer ago than the workers'' GMP_RETRY_MAX_AGE'));
    END IF;
    RETURN QUERY SELECT mailproxy.explain_account(w.tenant_id, w.account_id);
    IF w.state = 'ready' THEN
        SELECT count(*) INTO ahead
          FROM (SELECT FROM mailproxy.queue q
                 WHERE q.state = 'ready' AND q.tenant_id = w.tenant_id AND q.account_id = w.account_id
                   AND (q.priority, q.message_pk) < (w.priority, of_message)
                 LIMIT 10000) q;
        RETURN NEXT format('It may be claimed as soon as nothing of the above is in the way. Messages of the same account that go first: %s.',
                           CASE WHEN ahead = 0 THEN 'none' WHEN ahead = 10000 THEN '10,000 or more' ELSE ahead::text END);
    ELSIF w.state = 'scheduled' AND w.due_at <= now() THEN
        RETURN NEXT format('It has been due since %s: a worker makes it ready within seconds.', mailproxy.explain_time(w.due_at));
    END IF;
END $$;
COMMENT ON FUNCTION mailproxy.explain_waiting(bigint) IS 'The part of explain_message() on a message that waits: all that is in its way; message_pk.';
