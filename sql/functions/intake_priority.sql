-- intake_priority: 0 to 3 from a number (clamped), a label in any case, or what reads as a number.
-- Needs: intake_integer.
CREATE OR REPLACE FUNCTION mailproxy.intake_priority(value jsonb, fallback integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    label  text := CASE WHEN jsonb_typeof(value) = 'string' THEN lower((value #>> '{}') COLLATE "C") END;
    number bigint;
BEGIN
    IF label IN ('immediate', 'high', 'medium', 'low') THEN
        RETURN array_position(ARRAY['immediate', 'high', 'medium', 'low'], label) - 1;
    ELSIF jsonb_typeof(value) = 'number' AND (value < '0' OR value > '3') THEN
        RETURN CASE WHEN value < '0' THEN 0 ELSE 3 END;
    END IF;
    number := mailproxy.intake_integer(value);
    RETURN CASE WHEN number IS NULL THEN fallback ELSE least(greatest(number, 0), 3) END;
END $$;
COMMENT ON FUNCTION mailproxy.intake_priority(jsonb, integer) IS 'A message''s priority: 0 immediate, 1 high, 2 medium, 3 low; fallback for what is none of the numbers and labels.';
