-- intake_address_spec: check local-part "@" domain (RFC 5321 4.1.2, RFC 6531 3.3).
-- Needs: intake_domain.
CREATE OR REPLACE FUNCTION mailproxy.intake_address_spec(spec text, OUT reason text, OUT domain text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    -- ASCII that is neither atext nor a dot (RFC 5322 3.2.3).
    no_atom   CONSTANT text := '[\u0001-\u0020"(),:;<>@\[\\\]\u007f]';
    local     text; -- what it stands for, without quotes
    prefix    text;
    taken     integer; -- characters of spec before the @
    quoted    boolean := left(spec, 1) = '"';
    checked   record;
BEGIN
    IF quoted THEN
        prefix := substring(spec FROM '^"((?:[^"\\]|\\[\u0001-\u007f])*)');
        local := regexp_replace(prefix, '\\(.)', '\1', 'g');
        taken := length(prefix) + 2;
        reason := CASE WHEN octet_length(local) > 64 THEN 'local part is longer than 64 octets'
                       WHEN substr(spec, taken, 1) = '\' THEN 'local part has a misplaced backslash'
                       WHEN substr(spec, taken, 1) <> '"' THEN 'local part has an unclosed quote' END;
    ELSIF strpos(spec, '@') = 0 THEN
        reason := 'is not an address';
    ELSE
        taken := strpos(spec, '@') - 1;
        local := left(spec, taken);
        prefix := substring(local FROM '^(.*?)(?:' || no_atom || '|$)');
        reason := CASE WHEN local = '' THEN 'local part is empty'
                       WHEN prefix ~ '^\.|\.\.' OR prefix = local AND local ~ '\.$'
                       THEN 'local part has a dot at an end, or two in a row'
                       WHEN prefix <> local THEN 'local part has a character that needs quotes'
                       WHEN octet_length(local) > 64 THEN 'local part is longer than 64 octets' END;
    END IF;
    IF reason IS NOT NULL THEN
        RETURN;
    ELSIF substr(spec, taken + 1, 1) <> '@' THEN
        reason := 'is not an address';
    ELSIF octet_length(substr(spec, taken + 2)) > 1023 THEN
        reason := 'is longer than 254 octets';
    ELSIF quoted AND (local = '' OR local ~ no_atom OR local ~ '^\.|\.\.|\.$') THEN -- on the wire it has quotes
        local := '"' || regexp_replace(local, '(["\\])', '\\\1', 'g') || '"';
        reason := CASE WHEN octet_length(local) > 64 THEN 'local part is longer than 64 octets' END;
    END IF;
    IF reason IS NULL THEN
        checked := mailproxy.intake_domain(substr(spec, taken + 2));
        reason := checked.reason;
        domain := checked.domain;
    END IF;
    IF reason IS NULL AND octet_length(local) + 1 + length(domain) > 254 THEN
        reason := 'is longer than 254 octets';
    END IF;
END $$;
COMMENT ON FUNCTION mailproxy.intake_address_spec(text) IS 'reason: why this is no address, in the API''s words; null: it is one, and domain is its domain on the wire.';
