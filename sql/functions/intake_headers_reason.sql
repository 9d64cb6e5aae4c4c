-- intake_headers_reason: check custom header fields: names by RFC 5322 3.6.8, none that would reveal recipients or contradict
-- the body that is built.
-- Needs: intake_text_reason.
CREATE OR REPLACE FUNCTION mailproxy.intake_headers_reason(headers jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    found text;
BEGIN
    IF jsonb_typeof(headers) <> 'object' THEN
        RETURN CASE WHEN headers <> 'null' THEN 'invalid headers: is not an object' END;
    END IF;
    SELECT 'invalid headers: ' || CASE WHEN h.is_name THEN left(h.key, 64) || ' ' || h.why
                                       ELSE 'holds a name that is no header field name (RFC 5322 section 2.2)' END
      INTO found
      FROM (SELECT e.key, e.key ~ '^[\u0021-\u0039\u003b-\u007e]{1,255}$' AS is_name,
                   CASE WHEN e.key ~* '^(bcc|return-path|mime-version|content-.*)$' THEN 'cannot be set'
                        WHEN jsonb_typeof(e.value) IN ('array', 'object') THEN 'is not a text, number or boolean'
                        WHEN jsonb_typeof(e.value) = 'string' THEN mailproxy.intake_text_reason(e.value, true) END AS why
              FROM jsonb_each(headers) AS e) AS h
     WHERE h.why IS NOT NULL OR NOT h.is_name
     LIMIT 1;
    RETURN found;
END $$;
COMMENT ON FUNCTION mailproxy.intake_headers_reason(jsonb) IS 'Why a message with these headers is rejected, in the API''s words; null: it is not for them.';
