-- intake_display_name_reason: may this stand before an address?
-- What is not encoded has been checked with the whole text; an encoded word (RFC 2047) can hide anything.
CREATE OR REPLACE FUNCTION mailproxy.intake_display_name_reason(phrase text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    word   text[];
    octets text := ''; -- in hexadecimal, a blank before each
BEGIN
    IF octet_length(phrase) > 2000 THEN
        RETURN 'display name is longer than 2000 octets';
    END IF;
    FOR word IN SELECT m FROM regexp_matches(phrase, '=\?[^?]+\?([QqBb])\?([^? ]*)\?=', 'g') AS m LOOP
        IF lower(word[1]) = 'q' THEN
            octets := octets || coalesce((SELECT string_agg(' ' || lower(m[1]), '') FROM regexp_matches(word[2], '=([0-9A-Fa-f]{2})', 'g') AS m), '');
        ELSIF word[2] ~ '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' THEN
            octets := octets || regexp_replace(encode(decode(word[2], 'base64'), 'hex'), '(..)', ' \1', 'g');
        END IF;
    END LOOP;
    RETURN CASE WHEN octets ~ ' 0[ad]' THEN 'display name contains CR or LF'
                WHEN octets ~ ' ([01].|7f|c2 [89].)' THEN 'display name contains a control character' END;
END $$;
COMMENT ON FUNCTION mailproxy.intake_display_name_reason(text) IS 'Why a display name cannot stand before its address, in the API''s words; null: it can.';
