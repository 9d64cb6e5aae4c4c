-- intake_integer: 2525, "2525", 7.0 and true are integers, as the API takes them.
CREATE OR REPLACE FUNCTION mailproxy.intake_integer(value jsonb) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    plain  text := value #>> '{}';
    number numeric;
    double double precision; -- what the API reads a number as
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'boolean' THEN
        RETURN plain::boolean::integer;
    WHEN 'number' THEN
        double := CASE WHEN abs(plain::numeric) < 1e20 THEN plain END;
        RETURN CASE WHEN double = trunc(double) AND double >= -2 ^ 63 AND double < 2 ^ 63 THEN double END;
    WHEN 'string' THEN
        number := CASE WHEN length(plain) < 1000 AND plain ~ '^[ \t\r\n]*[-+]?[0-9]+(\.0+)?[ \t\r\n]*$'
                       THEN btrim(plain, E' \t\r\n') END;
        RETURN CASE WHEN number BETWEEN -9223372036854775808 AND 9223372036854775807 THEN number END;
    ELSE
        RETURN NULL;
    END CASE;
END $$;
COMMENT ON FUNCTION mailproxy.intake_integer(jsonb) IS 'A whole number from a JSON number, boolean or text; null: it is none, or beyond 64 bits.';
