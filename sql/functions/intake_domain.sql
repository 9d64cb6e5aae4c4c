-- intake_domain: check a domain or an address literal (RFC 5321 4.1.2 and 4.1.3).
-- Needs: intake_a_labels.
CREATE OR REPLACE FUNCTION mailproxy.intake_domain(given text, OUT reason text, OUT domain text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    inside text;
    label  text;
BEGIN
    domain := given;
    IF given = '' THEN
        reason := 'domain is empty';
        RETURN;
    ELSIF left(given, 1) = '[' THEN
        inside := substring(given FROM '^\[(.*)\]$');
        IF inside ~ '^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$' THEN
            RETURN;
        END IF;
        reason := 'domain is not an address literal';
        IF inside ~* '^IPv6:[0-9a-f:.]+$' AND inside ~ ':.*:' THEN
            BEGIN
                domain := '[IPv6:' || host(substr(inside, 6)::inet) || ']';
                reason := NULL;
            EXCEPTION WHEN invalid_text_representation THEN
                NULL;
            END;
        END IF;
        RETURN;
    ELSIF given ~ '[^\u0001-\u007f]' THEN
        SELECT a.reason, a.domain INTO reason, domain FROM mailproxy.intake_a_labels(given) AS a;
        IF reason IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;
    IF length(domain) > 253 THEN
        reason := 'domain is longer than 253 octets';
        RETURN;
    END IF;
    FOREACH label IN ARRAY string_to_array(domain, '.') || CASE WHEN domain = '' THEN '{""}' ELSE '{}' END::text[] LOOP
        reason := CASE WHEN label = '' THEN 'domain has an empty label'
                       WHEN length(label) > 63 THEN 'domain has a label longer than 63 octets'
                       WHEN label ~ '^-|-$' THEN 'domain has a label with a hyphen at an end'
                       WHEN label ~ '[^A-Za-z0-9-]' THEN 'domain has a character that is not allowed' END;
        IF reason IS NOT NULL THEN
            RETURN;
        END IF;
    END LOOP;
    domain := lower(domain);
END $$;
COMMENT ON FUNCTION mailproxy.intake_domain(text) IS 'reason: why this cannot stand behind the @ of an address; or domain: its form on the wire, A-labels in lower case or an address literal.';
