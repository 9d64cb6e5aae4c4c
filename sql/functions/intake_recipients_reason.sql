-- intake_recipients_reason: is it a text of addresses, or an array of such texts?
-- Needs: intake_addresses, intake_text_reason.
CREATE OR REPLACE FUNCTION mailproxy.intake_recipients_reason(given jsonb, may_be_array boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    item    jsonb;
    why     text;
    checked record;
    total   integer := 0;
BEGIN
    IF given IS NULL OR given = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(given) <> 'array' OR NOT may_be_array THEN
        why := mailproxy.intake_text_reason(given, true);
        RETURN CASE WHEN why IS NULL THEN (mailproxy.intake_addresses(given #>> '{}', false)).reason ELSE why END;
    END IF;
    FOR item IN SELECT v.value FROM jsonb_array_elements(given) AS v WHERE v.value <> 'null' LOOP
        IF jsonb_typeof(item) <> 'string' THEN
            RETURN 'holds something that is not a string';
        END IF;
        checked := mailproxy.intake_addresses(item #>> '{}', false);
        total := total + checked.total;
        why := coalesce(checked.reason, CASE WHEN total > 10000 THEN 'is more than 10000 addresses' END);
        IF why IS NOT NULL THEN
            RETURN why;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.intake_recipients_reason(jsonb, boolean) IS 'Why a value is no list of addresses, in the API''s words; null: it is, or is absent or null.';
