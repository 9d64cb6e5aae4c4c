-- intake_line_reason: why can this not be part of a header field, or of a request for an attachment?
CREATE OR REPLACE FUNCTION mailproxy.intake_line_reason(value jsonb, most_octets integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(value) NOT IN ('string', 'null') THEN 'is not a string'
            WHEN substring(value #>> '{}' FROM '[\u0001-\u001f\u007f]') IN (E'\r', E'\n') THEN 'contains CR or LF'
            WHEN (value #>> '{}') ~ '[\u0001-\u001f\u007f]' THEN 'contains a control character'
            WHEN octet_length(value #>> '{}') > most_octets THEN format('is longer than %s octets', most_octets) END;
COMMENT ON FUNCTION mailproxy.intake_line_reason(jsonb, integer) IS 'Why a value cannot be a text without control characters of at most that many octets; null: it is one, or is absent or null.';
