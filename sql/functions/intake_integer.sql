-- intake_integer: 2525, "2525", 7.0 and true are integers, as the API takes them.
CREATE OR REPLACE FUNCTION mailproxy.intake_integer(value jsonb) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    plain  text := value #>> '{}';
    number numeric;
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'boolean' THEN
        RETURN plain::boolean::integer;
    WHEN 'number' THEN
        number := plain::numeric;
    WHEN 'string' THEN
        IF length(plain) > 1000 OR plain !~ '^[ \t\r\n]*[-+]?[0-9]+(\.0+)?[ \t\r\n]*$' THEN
            RETURN NULL;
        END IF;
        number := btrim(plain, E' \t\r\n')::numeric;
    ELSE
        RETURN NULL;
    END CASE;
    RETURN CASE WHEN number = trunc(number) AND number BETWEEN -9223372036854775808 AND 9223372036854775807 THEN number END;
END $$;
COMMENT ON FUNCTION mailproxy.intake_integer(jsonb) IS 'A whole number from a JSON number, boolean or text; null: it is none, or beyond 64 bits.';
