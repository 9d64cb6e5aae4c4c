-- 0025_retention: what is old leaves by itself, and no message is without a partition for want of a chore.

-- One function owns the names and bounds of partitions: days in UTC, <table>_YYYYMMDD, for every day-partitioned table.
CREATE OR REPLACE FUNCTION mailproxy.create_partitions(days_ahead integer DEFAULT 14) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    day    date;
    name   text;
    made   integer := 0;
BEGIN
    FOREACH parent IN ARRAY ARRAY['message_body', 'message_attachment', 'attempt', 'event'] LOOP
        FOR ahead IN 0 .. days_ahead LOOP
            day := (now() AT TIME ZONE 'UTC')::date + ahead;
            name := parent || '_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(format('mailproxy.%I', name)) IS NOT NULL;
            -- ATTACH, unlike CREATE ... PARTITION OF, does not lock the parent against readers and writers.
            EXECUTE format('CREATE TABLE mailproxy.%I (LIKE mailproxy.%I INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)',
                           name, parent);
            EXECUTE format('ALTER TABLE mailproxy.%I ATTACH PARTITION mailproxy.%I FOR VALUES FROM (%L) TO (%L)',
                           parent, name, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION mailproxy.create_partitions IS 'Create the missing day partitions from today to days_ahead; returns how many were made. Run every ten seconds by each server and hourly by each worker; safe to run by hand.';
SELECT mailproxy.create_partitions();

CREATE FUNCTION mailproxy.partition_holds(partition regclass) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    holds boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM mailproxy.queue q
                                    WHERE q.message_pk BETWEEN (SELECT min(p.message_pk) FROM %1$s p) AND (SELECT max(p.message_pk) FROM %1$s p)
                                      AND (SELECT true FROM %1$s p WHERE p.message_pk = q.message_pk LIMIT 1))', partition) INTO holds;
    IF holds THEN
        RETURN 'unsent';
    ELSIF EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = partition AND i.inhparent = 'mailproxy.event'::regclass) THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s p WHERE p.reported_at IS NULL)', partition) INTO holds;
        RETURN CASE WHEN holds THEN 'unreported' END;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.partition_holds IS 'What keeps a day''s partition from being dropped: unsent (there is something in it of a message that is not final), unreported (an event that its tenant was not told of); null: nothing. Reads the few queue rows that are as old.';

CREATE FUNCTION mailproxy.drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    old record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('mailproxy.create_partitions')) THEN
        RETURN;
    END IF;
    FOR old IN
        SELECT d.partition, d.parent, d.name
          FROM (SELECT c.oid::regclass AS partition, p.oid::regclass AS parent, c.relname::text AS name,
                       CASE WHEN c.relname ~ ('^' || p.relname || '_[0-9]{8}$') THEN to_date(right(c.relname, 8), 'YYYYMMDD') END AS day,
                       CASE WHEN p.relname IN ('message_body', 'message_attachment') THEN content_kept_s ELSE history_kept_s END AS kept_s
                  FROM pg_inherits i
                  JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
                  JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
                 WHERE p.relnamespace = 'mailproxy'::regnamespace) d
         WHERE d.kept_s > 0 AND (d.day + 1)::timestamp AT TIME ZONE 'UTC' + make_interval(secs => d.kept_s) <= now()
         ORDER BY d.day, d.name DESC -- a body before what is attached to it
    LOOP
        CONTINUE WHEN mailproxy.partition_holds(old.partition) IS NOT NULL;
        BEGIN
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', old.parent);
            IF mailproxy.partition_holds(old.partition) IS NULL THEN -- nor since somebody queued a message of it again
                EXECUTE format('DROP TABLE %s', old.partition);
                dropped := old.name;
                RETURN;
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            in_use := old.name;
            RETURN;
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION mailproxy.drop_old_partition IS 'Drop one day''s partition that is past its time, in seconds after the end of its day (0: for ever), and holds nothing unsent or unreported; dropped: its name. Whoever uses its table at that moment is waited for for a tenth of a second, and no longer, since all that come later wait behind; in_use: which one it was. One call at a time.';

CREATE FUNCTION mailproxy.history_begins_at() RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN bool_and(c.relname ~ '^event_[0-9]{8}$')
                THEN min(CASE WHEN c.relname ~ '^event_[0-9]{8}$' THEN to_date(right(c.relname, 8), 'YYYYMMDD') END)::timestamp AT TIME ZONE 'UTC'
                ELSE '-infinity' END
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'mailproxy.event'::regclass
$$;
COMMENT ON FUNCTION mailproxy.history_begins_at() IS 'No event is older. A final message from before that, without an event, was told of: its events have left with their day, which none does before they are told.';

CREATE TABLE mailproxy.purge_pass (
    pass_id      smallint PRIMARY KEY DEFAULT 1,
    began_at     timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz DEFAULT '-infinity',
    looked_at_pk bigint NOT NULL DEFAULT 0,
    removed      bigint NOT NULL DEFAULT 0,
    CONSTRAINT purge_pass_is_one_row CHECK (pass_id = 1)
) WITH (fillfactor = 50);
COMMENT ON TABLE mailproxy.purge_pass IS 'Where the workers are in looking for messages past their retention: one row, locked by the one that looks.';
COMMENT ON COLUMN mailproxy.purge_pass.ended_at IS 'When all had been looked at; null: a pass is under way.';
COMMENT ON COLUMN mailproxy.purge_pass.looked_at_pk IS 'The last message_pk that was looked at.';
COMMENT ON COLUMN mailproxy.purge_pass.removed IS 'Messages removed by this pass, or the last one.';
INSERT INTO mailproxy.purge_pass DEFAULT VALUES;
