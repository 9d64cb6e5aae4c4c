-- intake_text_reason: why is this no text for a message's field?
-- PostgreSQL has refused what is not UTF-8 or has a NUL in it before anybody asks.
CREATE OR REPLACE FUNCTION mailproxy.intake_text_reason(value jsonb, for_header boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) NOT IN ('string', 'null') THEN 'is not a string'
            WHEN for_header AND (value #>> '{}') ~ '[\r\n]' THEN 'contains CR or LF' END;
COMMENT ON FUNCTION mailproxy.intake_text_reason(jsonb, boolean) IS 'Why a value cannot be a message''s text, or (for_header) stand in a header field; null: it can, or is absent or null.';
