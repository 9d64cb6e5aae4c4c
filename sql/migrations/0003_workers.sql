-- 0003_workers: who is alive, what the limits have let through, and the partitions of the days to come.
CREATE TABLE mailproxy.worker (
    epoch        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host         text NOT NULL,
    pid          integer NOT NULL,
    version      text NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    steady_since timestamptz NOT NULL DEFAULT now(),
    in_flight    integer NOT NULL DEFAULT 0,
    lease_s      integer NOT NULL,
    ended_at     timestamptz,
    ended_how    text,
    CONSTRAINT worker_end_is_explained CHECK (num_nulls(ended_at, ended_how) IN (0, 2)),
    CONSTRAINT worker_lease_is_positive CHECK (lease_s > 0)
) WITH (fillfactor = 50);
CREATE INDEX worker_alive ON mailproxy.worker (epoch) WHERE ended_at IS NULL;
COMMENT ON TABLE mailproxy.worker IS 'Worker processes; an epoch names one life of one process and is never used again.';
COMMENT ON COLUMN mailproxy.worker.heartbeat_at IS 'Older than lease_s seconds: the worker counts as dead and what it held is taken over.';
COMMENT ON COLUMN mailproxy.worker.steady_since IS 'No heartbeat was late since then: what it says about others is to be trusted.';
COMMENT ON COLUMN mailproxy.worker.ended_how IS 'stopped (it said so itself) or reaped (its heartbeat ran out).';

CREATE TYPE mailproxy.rate_period AS ENUM ('minute', 'hour', 'day');
CREATE TABLE mailproxy.rate_bucket (
    tenant_id  text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    period     mailproxy.rate_period NOT NULL,
    bucket_at  timestamptz NOT NULL,
    taken      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, account_id, period, bucket_at),
    FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account ON DELETE CASCADE,
    CONSTRAINT rate_bucket_taken_is_not_negative CHECK (taken >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE mailproxy.rate_bucket IS 'Messages an account''s limits have let through, in slices of one hundredth of each period; correctable by hand.';

-- One function owns the names and bounds of partitions: days in UTC, <table>_YYYYMMDD, for every day-partitioned table.
CREATE FUNCTION mailproxy.create_partitions(days_ahead integer DEFAULT 7) RETURNS integer
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
COMMENT ON FUNCTION mailproxy.create_partitions IS 'Create the missing day partitions from today to days_ahead; returns how many were made. Run daily by a worker; safe to run by hand.';
SELECT mailproxy.create_partitions();
