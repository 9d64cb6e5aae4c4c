-- 0030_fronts: claims begin where the last ones ended, instead of passing what these have left behind.
-- Each message leaves a dead entry in queue_ready when it is claimed. Vacuum takes them away, but not before a minute is over, and
-- not while a snapshot from before is held.
ALTER TABLE mailproxy.account_state
    ADD COLUMN has_front boolean NOT NULL DEFAULT false,
    ADD COLUMN front bigint[] CONSTRAINT account_state_front_has_four_priorities CHECK (cardinality(front) = 4),
    ADD COLUMN front_next bigint[] CONSTRAINT account_state_front_next_has_four_priorities CHECK (cardinality(front_next) = 4),
    ADD COLUMN front_next_at timestamptz,
    ADD COLUMN overtaken boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT account_state_a_front_is_overtaken CHECK (has_front OR NOT overtaken),
    ADD CONSTRAINT account_state_front_is_whole CHECK (num_nonnulls(front, front_next, front_next_at) = CASE WHEN has_front THEN 3 ELSE 0 END);

COMMENT ON COLUMN mailproxy.account_state.has_front IS 'Claims begin at front, but for those that look at everything. A column of its own, so that a front that moves on changes no index.';
COMMENT ON COLUMN mailproxy.account_state.front IS 'The message_pk, for each priority from 0 on, before which nothing is expected to be ready: claims have taken it. null: a claim begins at the first.';
COMMENT ON COLUMN mailproxy.account_state.front_next IS 'How far claims had come at front_next_at, for each priority: front half a second later, when what was being stored beside it can be seen.';
COMMENT ON COLUMN mailproxy.account_state.front_next_at IS 'When front_next became front last.';
COMMENT ON COLUMN mailproxy.account_state.overtaken IS 'Something ready was seen before the front: claims of this account begin at its first message until one comes to the front.';

CREATE INDEX account_state_fronts ON mailproxy.account_state (tenant_id, account_id) WHERE has_front;

ALTER TABLE mailproxy.worker ADD COLUMN searched_at timestamptz;
COMMENT ON COLUMN mailproxy.worker.searched_at IS 'When leases that it left behind were last looked for after it had ended; again when as much time has passed as from its end until then. null: not yet.';

-- As before, but what is under way is counted only for who has a limit or was at fault: the count passes what the workers have
-- left behind in queue_leased.
CREATE OR REPLACE FUNCTION mailproxy.free_slots(of_tenant text, of_account text, place integer, places integer, for_worker bigint,
                                                usual_connections integer, share integer)
RETURNS mailproxy.slots
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account record;
    rate    record;
    free    bigint;
    free_at timestamptz;
    answer  mailproxy.slots;
    account_leases bigint := 0;
    tenant_leases  bigint := 0;
BEGIN
    answer.at_limit := false;
    SELECT s.failures, s.gate_reason, coalesce(a.max_connections, usual_connections) AS max_connections,
           a.limit_per_minute, a.limit_per_hour, a.limit_per_day,
           t.limit_per_hour AS tenant_per_hour, t.limit_per_day AS tenant_per_day,
           num_nonnulls(t.limit_per_hour, t.limit_per_day) > 0 AS of_limited_tenant
      INTO account
      FROM mailproxy.account_state s
      JOIN mailproxy.account a ON a.tenant_id = s.tenant_id AND a.account_id = s.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = s.tenant_id
     WHERE s.tenant_id = of_tenant AND s.account_id = of_account
       FOR NO KEY UPDATE OF s SKIP LOCKED;
    IF NOT FOUND OR (account.of_limited_tenant
                     AND NOT pg_try_advisory_xact_lock(hashtextextended('mailproxy.limits of ' || of_tenant, 0))) THEN
        RETURN answer; -- another claim is at it
    END IF;

    SELECT account.max_connections - coalesce(sum(g.connections), 0) INTO answer.connections
      FROM mailproxy.connection_grant g
      JOIN mailproxy.worker w ON w.epoch = g.lease_epoch AND w.ended_at IS NULL
     WHERE g.tenant_id = of_tenant AND g.account_id = of_account AND g.lease_epoch <> for_worker;
    answer.connections := greatest(least(answer.connections, share, CASE WHEN account.failures > 0 THEN 1 END), 0);

    -- Before what was taken is summed up: a message recorded in between counts twice then, and never not at all.
    IF account.failures > 0 OR num_nonnulls(account.limit_per_minute, account.limit_per_hour, account.limit_per_day) > 0 THEN
        SELECT count(*) INTO account_leases
          FROM mailproxy.worker w
          JOIN mailproxy.queue q ON q.lease_epoch = w.epoch AND q.state = 'leased' AND q.tenant_id = of_tenant
                                AND q.account_id = of_account
         WHERE w.ended_at IS NULL;
    END IF;
    IF account.of_limited_tenant THEN
        SELECT count(*) INTO tenant_leases
          FROM mailproxy.worker w
          JOIN mailproxy.queue q ON q.lease_epoch = w.epoch AND q.state = 'leased' AND q.tenant_id = of_tenant
         WHERE w.ended_at IS NULL;
    END IF;

    answer.slots := 2147483647;
    IF account.failures > 0 AND account_leases > 0 THEN
        answer.slots := 0;
        answer.closed_until := now() + interval '1 minute';
        answer.reason := coalesce(account.gate_reason, 'the account is being tried');
    END IF;
    FOR rate IN
        SELECT l.period, l.length, v.most, v.scope, v.leases
          FROM (VALUES ('minute'::mailproxy.rate_period, account.limit_per_minute, of_account, account_leases),
                       ('hour', account.limit_per_hour, of_account, account_leases),
                       ('day', account.limit_per_day, of_account, account_leases),
                       ('hour', account.tenant_per_hour, '', tenant_leases),
                       ('day', account.tenant_per_day, '', tenant_leases)) AS v (period, most, scope, leases)
          JOIN mailproxy.rate_length l ON l.period = v.period
         WHERE v.most IS NOT NULL
    LOOP
        SELECT rate.most - rate.leases - coalesce(sum(b.taken), 0) INTO free
          FROM mailproxy.rate_bucket b
         WHERE b.tenant_id = of_tenant AND b.account_id = rate.scope AND b.period = rate.period
           AND b.bucket_at > now() - rate.length;
        IF free > 0 THEN
            IF rate.scope = '' THEN
                free := free / places + (place <= free % places)::integer;
            END IF;
            answer.slots := least(answer.slots, free);
            CONTINUE;
        END IF;
        answer.slots := 0;
        answer.at_limit := true;
        SELECT min(u.bucket_at) + rate.length INTO free_at
          FROM (SELECT b.bucket_at, sum(b.taken) OVER (ORDER BY b.bucket_at) AS gone
                  FROM mailproxy.rate_bucket b
                 WHERE b.tenant_id = of_tenant AND b.account_id = rate.scope AND b.period = rate.period
                   AND b.bucket_at > now() - rate.length) u
         WHERE u.gone > -free;
        free_at := coalesce(free_at, now() + rate.length); -- of those under way
        IF answer.closed_until IS NULL OR free_at > answer.closed_until THEN
            answer.closed_until := free_at;
            answer.reason := format('%srate limit of %s per %s reached', CASE rate.scope WHEN '' THEN 'tenant''s ' END,
                                    rate.most, rate.period);
        END IF;
    END LOOP;
    answer.recheck_at := CASE WHEN account_leases + tenant_leases > 0 THEN now() + interval '1 second'
                              ELSE answer.closed_until END;
    RETURN answer;
END $$;
