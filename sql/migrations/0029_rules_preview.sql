-- 0029_rules_preview: what rules come to can be asked without storing them; and the server calls functions of sql/functions
-- (backlog_of, traffic, explain_message, requeue, retry_now), which are installed with this version.
CREATE FUNCTION mailproxy.interval_by_rules(rules mailproxy.rule[], default_s integer, weekday integer, clock integer)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(rules) = 0 THEN
        RETURN default_s;
    END IF;
    IF NOT EXISTS (SELECT FROM unnest(rules) r WHERE r.enabled) THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(
        (SELECT r.interval_minutes * bigint '60'
           FROM unnest(rules) r
          WHERE r.enabled
            AND (cardinality(r.days) = 0 OR weekday = ANY (r.days))
            AND CASE WHEN r.start_hour IS NULL OR r.end_hour IS NULL THEN true
                     WHEN r.cross_midnight THEN clock >= r.start_hour OR clock < r.end_hour
                     ELSE clock >= r.start_hour AND clock < r.end_hour END
          ORDER BY r.priority DESC, r.rule_id DESC
          LIMIT 1),
        60);
END $$;
COMMENT ON FUNCTION mailproxy.interval_by_rules(mailproxy.rule[], integer, integer, integer) IS 'Seconds between two polls of a tenant without news in an hour (0 to 23) of a weekday (0: Monday), by these rules, stored or not; default_s where there are none, 60 when no enabled rule matches, null (no polling) when none is enabled.';

CREATE OR REPLACE FUNCTION mailproxy.polling_interval(default_s integer, time_zone text, moment timestamptz DEFAULT now())
RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here timestamp := coalesce(mailproxy.local_time(moment, time_zone), moment AT TIME ZONE 'UTC');
BEGIN
    RETURN mailproxy.interval_by_rules(ARRAY(SELECT r FROM mailproxy.rule r), default_s,
                                       (extract(isodow FROM here) - 1)::integer, extract(hour FROM here)::integer);
END $$;
