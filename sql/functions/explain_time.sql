-- explain_time: a moment as a sentence shows it.
CREATE OR REPLACE FUNCTION mailproxy.explain_time(moment timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_char(moment, 'YYYY-MM-DD HH24:MI:SS TZ')
$$;
COMMENT ON FUNCTION mailproxy.explain_time(timestamptz) IS 'To the second, in the session''s time zone.';
