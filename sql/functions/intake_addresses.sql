-- intake_addresses: what is between commas: addresses with or without display names, comments (RFC 5322 3.4), no groups.
-- One pass over tokens: runs of plain characters, and each character that means something alone.
-- Needs: intake_address_spec, intake_display_name_reason.
CREATE OR REPLACE FUNCTION mailproxy.intake_addresses(list text, one boolean, OUT reason text, OUT total integer, OUT domain text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    token   text; -- null: the end
    mode    text := 'blank'; -- before an entry; then entry; angle: behind its <; tail: behind its >
    opener  text; -- of the quote, comment or bracket we are in; null: none
    closer  text;
    depth   integer;
    escaped boolean := false;
    entry   text; -- as far as it is read
    spec    text; -- of it, what is the address
    named   boolean;
    checked record;
BEGIN
    total := 0;
    IF list ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        reason := CASE WHEN list ~ '[\r\n]' THEN 'contains CR or LF' ELSE 'contains a control character' END;
        RETURN;
    END IF;
    FOREACH token IN ARRAY ARRAY(SELECT m[1] FROM regexp_matches(list, '([^]["\\()<>:;, ]+|.)', 'g') AS m) || NULL::text LOOP
        IF opener IS NULL AND mode = 'blank' AND token IS NOT NULL AND token NOT IN (' ', '(', ',') THEN
            total := total + 1;
            IF total > 10000 THEN
                reason := 'is more than 10000 addresses';
                RETURN;
            END IF;
            mode := 'entry';
            entry := '';
            spec := '';
            named := false;
        END IF;
        IF opener IS NOT NULL THEN
            IF token IS NULL THEN
                reason := CASE WHEN mode = 'tail' THEN 'has text behind ''>'''
                               WHEN opener = '"' THEN 'has an unclosed quote'
                               WHEN opener = '(' THEN 'has an unclosed comment'
                               ELSE 'has an unclosed bracket' END;
                RETURN;
            END IF;
            depth := CASE WHEN escaped THEN depth WHEN token = closer THEN depth - 1
                          WHEN token = opener THEN depth + 1 ELSE depth END;
            escaped := NOT escaped AND token = '\';
            IF mode = 'angle' THEN
                spec := spec || token;
            ELSIF mode = 'entry' THEN
                entry := entry || token;
                spec := CASE WHEN depth = 0 AND opener <> '(' THEN entry ELSE spec END;
            END IF;
            opener := CASE WHEN depth > 0 THEN opener END;
        ELSIF token = '"' AND mode IN ('entry', 'angle') OR token = '(' AND mode <> 'angle' OR token = '[' AND mode = 'entry' THEN
            opener := token;
            closer := translate(token, '([', ')]');
            depth := 1;
            IF mode = 'angle' THEN
                spec := spec || token;
            ELSIF mode = 'entry' THEN
                entry := entry || token;
            END IF;
        ELSIF mode = 'blank' THEN
            IF one AND token = ',' AND total = 0 THEN
                reason := 'is not an address';
                RETURN;
            END IF;
        ELSIF mode = 'angle' THEN
            IF token IS NULL OR token = '<' THEN
                reason := 'has a ''<'' without ''>''';
                RETURN;
            ELSIF token = '>' THEN
                mode := 'tail';
            ELSE
                spec := spec || token;
            END IF;
        ELSIF token IS NULL OR token = ',' THEN
            checked := mailproxy.intake_address_spec(CASE WHEN named THEN btrim(spec, ' ') ELSE spec END);
            reason := checked.reason;
            domain := checked.domain;
            IF reason IS NULL AND named THEN
                reason := mailproxy.intake_display_name_reason(entry);
            END IF;
            IF reason IS NULL AND one AND token = ',' THEN
                reason := 'is more than one address';
            END IF;
            IF reason IS NOT NULL THEN
                RETURN;
            END IF;
            mode := 'blank';
        ELSIF mode = 'tail' THEN
            IF token <> ' ' THEN
                reason := 'has text behind ''>''';
                RETURN;
            END IF;
        ELSIF token = '<' THEN
            mode := 'angle';
            named := true;
            spec := '';
        ELSIF token IN (':', ';', '>') THEN
            reason := CASE WHEN token = '>' THEN 'has a ''>'' without ''<''' ELSE 'is a group' END;
            RETURN;
        ELSE
            entry := entry || token;
            spec := CASE WHEN token = ' ' THEN spec ELSE entry END;
        END IF;
    END LOOP;
    IF one AND total = 0 THEN
        reason := 'is empty';
    END IF;
END $$;
COMMENT ON FUNCTION mailproxy.intake_addresses(text, boolean) IS 'reason: why this is no list of addresses (or, with one: not exactly one), in the API''s words; null: it is, of total addresses, and domain is that of the last one on the wire.';
