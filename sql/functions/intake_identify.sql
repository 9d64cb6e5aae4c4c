-- intake_identify: has a message what every message needs, and whose is it?
-- Needs: intake_text_reason.
CREATE OR REPLACE FUNCTION mailproxy.intake_identify(message jsonb, named_tenant text, token_tenant text) RETURNS mailproxy.draft
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    d     mailproxy.draft;
    field text;
    value jsonb;
    why   text;
BEGIN
    IF jsonb_typeof(message) <> 'object' THEN
        d.reason := 'invalid message: is not an object';
        RETURN d;
    END IF;
    d.tenant_id := CASE WHEN octet_length(message ->> 'tenant_id') BETWEEN 1 AND 255 AND jsonb_typeof(message -> 'tenant_id') = 'string'
                        THEN message ->> 'tenant_id' END; -- also of a message that is rejected before anybody asks
    FOREACH field IN ARRAY ARRAY['id', 'from', 'to', 'account_id', 'subject'] LOOP
        value := nullif(message -> field, 'null');
        IF field = 'from' THEN
            value := coalesce(value, nullif(message -> 'from_addr', 'null'), nullif(message -> 'from_', 'null'));
        END IF;
        IF value IS NULL
           OR field <> 'subject' AND jsonb_typeof(value) = 'string'
              AND btrim(value #>> '{}', CASE field WHEN 'from' THEN E' \t\r\n' WHEN 'to' THEN E' \t\r\n,' ELSE '' END) = ''
           OR field = 'to' AND jsonb_typeof(value) = 'array'
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(value) AS v
                               WHERE jsonb_typeof(v) NOT IN ('string', 'null') OR btrim(v #>> '{}', E' \t\r\n,') <> '') THEN
            d.reason := 'missing ' || field;
            RETURN d;
        END IF;
    END LOOP;
    FOREACH field IN ARRAY ARRAY['tenant_id', 'account_id'] LOOP
        value := nullif(nullif(message -> field, 'null'), '""');
        why := coalesce(mailproxy.intake_text_reason(value, false),
                        CASE WHEN octet_length(value #>> '{}') > 255 THEN 'is longer than 255 octets' END);
        IF why IS NOT NULL THEN
            d.reason := format('invalid %s: %s', field, why);
            RETURN d;
        ELSIF field = 'account_id' THEN
            d.account_id := value #>> '{}';
        ELSE
            d.tenant_id := coalesce(value #>> '{}', named_tenant, token_tenant);
            IF d.tenant_id <> token_tenant THEN
                d.reason := 'tenant mismatch';
                RETURN d;
            END IF;
        END IF;
    END LOOP;
    RETURN d;
END $$;
COMMENT ON FUNCTION mailproxy.intake_identify(jsonb, text, text) IS 'A draft with its tenant and account, or with the reason why it is rejected. tenant_id: the message''s own, else named_tenant (what the whole batch names), else token_tenant, which allows no other; null: none of them.';
