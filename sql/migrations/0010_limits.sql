-- 0010_limits: what an account may send by its limits, how it backs off, and how the two close its gate.

-- A tenant's limits as numbers; what is no count above zero is no limit.
ALTER TABLE mailproxy.tenant
    ADD COLUMN limit_per_hour integer GENERATED ALWAYS AS (
        CASE WHEN jsonb_typeof(rate_limits -> 'hourly') = 'number' AND (rate_limits ->> 'hourly')::numeric BETWEEN 1 AND 2147483647
             THEN floor((rate_limits ->> 'hourly')::numeric)::integer END) STORED,
    ADD COLUMN limit_per_day integer GENERATED ALWAYS AS (
        CASE WHEN jsonb_typeof(rate_limits -> 'daily') = 'number' AND (rate_limits ->> 'daily')::numeric BETWEEN 1 AND 2147483647
             THEN floor((rate_limits ->> 'daily')::numeric)::integer END) STORED;
COMMENT ON COLUMN mailproxy.tenant.limit_per_hour IS 'rate_limits.hourly: messages of all its accounts in any 3600 seconds; null: no limit.';
COMMENT ON COLUMN mailproxy.tenant.limit_per_day IS 'rate_limits.daily: messages of all its accounts in any 86400 seconds; null: no limit.';

CREATE TABLE mailproxy.rate_length (
    period mailproxy.rate_period PRIMARY KEY,
    length interval NOT NULL,
    CONSTRAINT rate_length_is_positive CHECK (length > interval '0')
);
COMMENT ON TABLE mailproxy.rate_length IS 'How long each period of the limits is: one row each.';
INSERT INTO mailproxy.rate_length VALUES ('minute', interval '60 seconds'), ('hour', interval '3600 seconds'), ('day', interval '86400 seconds');

-- No foreign key: what an account has sent counts on when it is deleted and made again, and for its tenant; a key would be
-- checked by a transaction that holds queue rows, which whoever deletes an account waits for.
ALTER TABLE mailproxy.rate_bucket
    DROP CONSTRAINT rate_bucket_tenant_id_account_id_fkey;
CREATE INDEX rate_bucket_by_time ON mailproxy.rate_bucket (period, bucket_at);
COMMENT ON TABLE mailproxy.rate_bucket IS 'What relays have taken, or may have, of accounts and tenants with limits, in slices of one hundredth of each period; correctable by hand, which acts at once.';
COMMENT ON COLUMN mailproxy.rate_bucket.account_id IS 'Empty: the tenant as a whole.';
COMMENT ON COLUMN mailproxy.rate_bucket.bucket_at IS 'The end of the slice: what is in it counts until one period later.';

-- The leases of one account or one tenant, without a counter that could be wrong.
DROP INDEX mailproxy.queue_leased;
CREATE INDEX queue_leased ON mailproxy.queue (lease_epoch, tenant_id, account_id) WHERE state = 'leased';

ALTER TABLE mailproxy.account_state ADD COLUMN gate_recheck_at timestamptz;
COMMENT ON COLUMN mailproxy.account_state.gate_recheck_at IS 'A claim looks again from then on, although the gate is closed: it depends on messages under way, which may come back sooner.';

CREATE TABLE mailproxy.connection_grant (
    lease_epoch bigint NOT NULL,
    connections integer NOT NULL,
    tenant_id   text COLLATE "C" NOT NULL,
    account_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, account_id, lease_epoch),
    CONSTRAINT connection_grant_is_some CHECK (connections > 0)
) WITH (fillfactor = 50);
CREATE INDEX connection_grant_by_worker ON mailproxy.connection_grant (lease_epoch);
COMMENT ON TABLE mailproxy.connection_grant IS 'How many connections to an account''s relay each worker may hold; together no more than the account''s max_connections.';

ALTER TABLE mailproxy.account_state ADD COLUMN crowded_until timestamptz;
COMMENT ON COLUMN mailproxy.account_state.crowded_until IS 'Other workers held all its connections: until then a worker that has none of them passes the account by.';

CREATE TYPE mailproxy.slots AS (
    slots        bigint,
    connections  bigint,
    at_limit     boolean,
    closed_until timestamptz,
    recheck_at   timestamptz,
    reason       text
);
COMMENT ON TYPE mailproxy.slots IS 'How many messages of an account may be claimed; null: another claim is at it. connections: how many the worker may hold. No slots: at_limit tells whether a limit is why, closed_until when that will change, recheck_at when to look again, for what is under way may come back untaken, reason what a person may be told.';

-- Each query of the function sees what was committed before it. A claim alone would count by its own snapshot, which was
-- taken before it had the lock, and so miss what the one before it took.
CREATE FUNCTION mailproxy.free_slots(of_tenant text, of_account text, place integer, places integer,
                                     for_worker bigint, usual_connections integer, share integer) RETURNS mailproxy.slots
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account record;
    rate    record;
    free    bigint;
    free_at timestamptz;
    answer  mailproxy.slots;
    account_leases bigint;
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
    SELECT count(*) INTO account_leases
      FROM mailproxy.worker w
      JOIN mailproxy.queue q ON q.lease_epoch = w.epoch AND q.state = 'leased' AND q.tenant_id = of_tenant
                            AND q.account_id = of_account
     WHERE w.ended_at IS NULL;
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
COMMENT ON FUNCTION mailproxy.free_slots IS 'How many messages of an account may be claimed now, by its limits, its tenant''s and its state, and over how many connections. The right to them lasts until the transaction ends. Of what is left to the tenant it gets its share, the place-th of so many places.';

CREATE FUNCTION mailproxy.reject_ready(of_tenant text, of_account text, most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pks bigint[];
BEGIN
    pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                  WHERE q.state = 'ready' AND q.tenant_id = of_tenant AND q.account_id = of_account
                  ORDER BY q.priority, q.message_pk
                  LIMIT most
                    FOR UPDATE SKIP LOCKED);
    IF cardinality(pks) = 0 THEN
        RETURN 0;
    END IF;
    DELETE FROM mailproxy.queue q WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m
       SET state = 'error', reason = 'rate_limit_exceeded', reply_code = NULL, finished_at = now(), updated_at = now()
     WHERE m.message_pk = ANY (pks);
    INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description)
    SELECT pk, now(), 'error', of_tenant, 'rate_limit_exceeded' FROM unnest(pks) AS pk;
    UPDATE mailproxy.tenant_sync s SET news_seq = s.news_seq + 1 WHERE s.tenant_id = of_tenant;
    PERFORM pg_notify('mailproxy_wake', '');
    RETURN cardinality(pks);
END $$;
COMMENT ON FUNCTION mailproxy.reject_ready IS 'Messages of an account that are due become errors, because its limit is reached and its limit_behavior is reject; returns how many.';

CREATE FUNCTION mailproxy.stamp_rates(of_tenants text[], of_accounts text[], of_taken integer[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO mailproxy.rate_bucket AS b (tenant_id, account_id, period, bucket_at, taken)
    SELECT u.tenant_id, v.scope, l.period, e.bucket_at, sum(u.taken)
      FROM unnest(of_tenants, of_accounts, of_taken) AS u (tenant_id, account_id, taken)
      JOIN mailproxy.tenant t ON t.tenant_id = u.tenant_id
      JOIN mailproxy.account a ON a.tenant_id = u.tenant_id AND a.account_id = u.account_id
     CROSS JOIN LATERAL (
           VALUES ('minute'::mailproxy.rate_period, a.limit_per_minute, u.account_id),
                  ('hour', a.limit_per_hour, u.account_id), ('day', a.limit_per_day, u.account_id),
                  ('hour', t.limit_per_hour, ''), ('day', t.limit_per_day, '')) AS v (period, most, scope)
      JOIN mailproxy.rate_length l ON l.period = v.period
     CROSS JOIN LATERAL (
           SELECT to_timestamp(ceil(extract(epoch FROM now()) / (extract(epoch FROM l.length) / 100))
                               * (extract(epoch FROM l.length) / 100)) AS bucket_at) e
     WHERE v.most IS NOT NULL AND u.taken > 0
     GROUP BY u.tenant_id, v.scope, l.period, e.bucket_at
     ORDER BY u.tenant_id COLLATE "C", v.scope COLLATE "C", l.period, e.bucket_at -- nobody waits for anybody in a circle
    ON CONFLICT (tenant_id, account_id, period, bucket_at) DO UPDATE SET taken = b.taken + excluded.taken;
END $$;
COMMENT ON FUNCTION mailproxy.stamp_rates IS 'Count what relays have taken, or may have, against the limits of accounts and tenants that have any; as of the end of the slice of time.';

-- A limit that is changed or a count that is corrected by hand acts at once.
CREATE FUNCTION mailproxy.recheck_limits() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE mailproxy.account_state s SET gate_recheck_at = now() WHERE s.gate_recheck_at > now();
    ELSE
        IF TG_TABLE_NAME = 'rate_bucket' THEN
            IF OLD.bucket_at <= now() - (SELECT l.length FROM mailproxy.rate_length l WHERE l.period = OLD.period) THEN
                RETURN NULL; -- it counted no more
            END IF;
        END IF;
        UPDATE mailproxy.account_state s SET gate_recheck_at = now()
         WHERE s.tenant_id = OLD.tenant_id AND s.gate_recheck_at > now();
    END IF;
    PERFORM pg_notify('mailproxy_wake', '');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.recheck_limits IS 'Trigger: the next claim looks again at the accounts that a limit has closed.';
CREATE TRIGGER rate_bucket_lowered AFTER UPDATE ON mailproxy.rate_bucket
    FOR EACH ROW WHEN (NEW.taken < OLD.taken OR NEW.bucket_at < OLD.bucket_at) EXECUTE FUNCTION mailproxy.recheck_limits();
CREATE TRIGGER rate_bucket_deleted AFTER DELETE ON mailproxy.rate_bucket
    FOR EACH ROW EXECUTE FUNCTION mailproxy.recheck_limits();
CREATE TRIGGER rate_bucket_truncated AFTER TRUNCATE ON mailproxy.rate_bucket
    FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.recheck_limits();
CREATE TRIGGER account_limits_changed AFTER UPDATE ON mailproxy.account
    FOR EACH ROW WHEN ((OLD.limit_per_minute, OLD.limit_per_hour, OLD.limit_per_day, OLD.limit_behavior)
                       IS DISTINCT FROM (NEW.limit_per_minute, NEW.limit_per_hour, NEW.limit_per_day, NEW.limit_behavior))
    EXECUTE FUNCTION mailproxy.recheck_limits();
CREATE TRIGGER tenant_limits_changed AFTER UPDATE ON mailproxy.tenant
    FOR EACH ROW WHEN (OLD.rate_limits IS DISTINCT FROM NEW.rate_limits) EXECUTE FUNCTION mailproxy.recheck_limits();
