-- 0006_polling: when a tenant is called, decided in one place for the workers, the API and whoever asks by SQL.
ALTER TABLE mailproxy.tenant_sync ADD COLUMN called_at timestamptz;
COMMENT ON COLUMN mailproxy.tenant_sync.called_at IS 'When the last call ended, whatever it came to; last_sync_at may lie in the future.';

CREATE INDEX rule_in_order ON mailproxy.rule (priority, rule_id);

-- A zone that was known when the programs started may be gone on the host a failover leads to: null, where AT TIME ZONE
-- would fail the claim it is asked for.
CREATE FUNCTION mailproxy.local_time(moment timestamptz, time_zone text) RETURNS timestamp
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN moment AT TIME ZONE time_zone;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.local_time IS 'The wall clock in a time zone; null when PostgreSQL knows no such zone.';

CREATE FUNCTION mailproxy.polling_interval(default_s integer, time_zone text, moment timestamptz DEFAULT now())
RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here    timestamp := coalesce(mailproxy.local_time(moment, time_zone), moment AT TIME ZONE 'UTC');
    weekday integer   := extract(isodow FROM here) - 1;
    clock   integer   := extract(hour FROM here);
BEGIN
    IF NOT EXISTS (SELECT FROM mailproxy.rule) THEN
        RETURN default_s;
    END IF;
    IF NOT EXISTS (SELECT FROM mailproxy.rule r WHERE r.enabled) THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(
        (SELECT r.interval_minutes * bigint '60'
           FROM mailproxy.rule r
          WHERE r.enabled
            AND (cardinality(r.days) = 0 OR weekday = ANY (r.days))
            AND CASE WHEN r.start_hour IS NULL OR r.end_hour IS NULL THEN true
                     WHEN r.cross_midnight THEN clock >= r.start_hour OR clock < r.end_hour
                     ELSE clock >= r.start_hour AND clock < r.end_hour END
          ORDER BY r.priority DESC, r.rule_id DESC
          LIMIT 1),
        60);
END $$;
COMMENT ON FUNCTION mailproxy.polling_interval IS 'Seconds between two polls of a tenant without news, by the rules at that moment; default_s while no rules are stored, 60 when no enabled rule matches, null (no polling) when none is enabled.';

-- One expression without subqueries: it is inlined, and a scan of tenant_sync pays no call for each row.
CREATE FUNCTION mailproxy.sync_is_due(sync mailproxy.tenant_sync, tenant_active boolean, interval_s bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT (sync.retry_at IS NULL OR sync.retry_at <= now())
       AND (sync.news_seq > sync.told_seq
            OR coalesce(tenant_active AND coalesce(sync.last_sync_at, '-infinity') <= now() - make_interval(secs => interval_s),
                        false))
$$;
COMMENT ON FUNCTION mailproxy.sync_is_due IS 'Is the tenant to be called now? There is news, or it is active and the interval (null: no polling) is over; never during the pause after a failure.';

-- Rules and the switch act at once, whoever changes them. Workers look every second anyway; a NOTIFY in the transaction, which
-- serialises commits while it lasts, is paid only here, by statements that are run by hand a few times a day.
CREATE FUNCTION mailproxy.wake_workers() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY mailproxy_wake;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.wake_workers IS 'Trigger: tell the workers to look again.';
CREATE TRIGGER rule_wakes_workers AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mailproxy.rule
    FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.wake_workers();
CREATE TRIGGER instance_wakes_workers AFTER UPDATE OF active ON mailproxy.instance
    FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.wake_workers();
