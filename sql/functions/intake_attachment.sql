-- intake_attachment: one attachment in either dialect: storage_path and how to fetch it, or content, url or s3.
-- Needs: intake_line_reason, intake_text_reason.
CREATE OR REPLACE FUNCTION mailproxy.intake_attachment(item jsonb, number integer, max_octets bigint,
                                                       OUT reason text, OUT stored text, OUT octets bytea)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    source   text; -- the member that says where the octets are
    place    text; -- what it says; of s3 its key
    mode     text := nullif(item -> 'fetch_mode', 'null') #>> '{}';
    encoded  text;
    filename text;
    member   record;
    why      text;
    auth     jsonb := nullif(item -> 'auth', 'null');
BEGIN
    IF jsonb_typeof(item) <> 'object' THEN
        reason := format('invalid attachments: attachment %s is not an object', number);
        RETURN;
    END IF;
    source := (SELECT s FROM unnest(ARRAY['storage_path', 's3', 'url', 'content']) WITH ORDINALITY AS m (s, rank)
                WHERE nullif(item -> s, 'null') IS NOT NULL ORDER BY rank LIMIT 1);
    IF source IS NULL THEN
        reason := format('invalid attachments: attachment %s has no storage_path, content, url or s3', number);
        RETURN;
    END IF;
    place := CASE source WHEN 's3' THEN item #>> '{s3,key}' ELSE item ->> source END;
    -- The order is the API's: the source, its mode, the name, the rest.
    CASE source
    WHEN 'storage_path' THEN
        why := coalesce(mailproxy.intake_text_reason(item -> source, false), CASE WHEN place = '' THEN 'is empty' END);
        IF why IS NULL AND mode IS NULL THEN
            mode := CASE WHEN place LIKE 'base64:%' THEN 'base64' WHEN place ~* '^https?://' THEN 'http_url'
                         WHEN place LIKE '/%' THEN 'filesystem' ELSE 'endpoint' END;
        ELSIF why IS NULL THEN
            why := coalesce(mailproxy.intake_text_reason(item -> 'fetch_mode', false),
                            CASE WHEN mode NOT IN ('endpoint', 'http_url', 'base64', 'filesystem')
                                 THEN 'is not endpoint, http_url, base64 or filesystem' END);
            source := CASE WHEN why IS NULL THEN source ELSE 'fetch_mode' END;
        END IF;
        IF why IS NULL AND mode <> 'base64' THEN
            why := coalesce(mailproxy.intake_line_reason(item -> source, 8192),
                            CASE WHEN mode = 'http_url' AND place !~* '^https?://' THEN 'is not an http or https URL' END);
        END IF;
    WHEN 's3' THEN
        mode := 'endpoint';
        why := coalesce(mailproxy.intake_line_reason(item #> '{s3,bucket}', 8192), mailproxy.intake_line_reason(item #> '{s3,key}', 8192),
                        CASE WHEN coalesce(item #>> '{s3,bucket}', '') = '' OR coalesce(place, '') = '' THEN 'needs a bucket and a key' END);
    WHEN 'url' THEN
        mode := 'http_url';
        why := coalesce(mailproxy.intake_line_reason(item -> 'url', 8192),
                        CASE WHEN place !~* '^https?://' THEN 'is not an http or https URL' END);
    ELSE
        mode := 'base64';
        why := mailproxy.intake_text_reason(item -> 'content', false);
    END CASE;
    IF why IS NOT NULL THEN
        reason := format('invalid attachments: %s of attachment %s %s', source, number, why);
        RETURN;
    END IF;
    filename := nullif(item ->> 'filename', '');
    why := mailproxy.intake_line_reason(item -> 'filename', 8192);
    IF why IS NULL THEN
        IF filename IS NULL AND mode <> 'base64' THEN
            filename := CASE WHEN source <> 's3' AND place ~* '^https?://' THEN substring(place FROM '^[^?#]*') ELSE place END;
            filename := nullif(substring(filename FROM '[^/:\\]*$'), '');
        END IF;
        filename := coalesce(filename, 'file.bin');
        why := CASE WHEN length(filename) > 255 THEN 'is longer than 255 characters' END;
    END IF;
    IF why IS NOT NULL THEN
        reason := format('invalid attachments: filename of attachment %s %s', number, why);
        RETURN;
    END IF;
    FOR member IN
        SELECT * FROM (VALUES ('mime_type', 1, mailproxy.intake_line_reason(item -> 'mime_type', 8192)),
                              ('content_md5', 2, CASE WHEN nullif(nullif(item -> 'content_md5', 'null'), '""')::text
                                                           !~ '^"[0-9A-Fa-f]{32}"$' THEN 'is not 32 hexadecimal digits' END),
                              ('auth', 3, CASE WHEN jsonb_typeof(auth) <> 'object' THEN 'is not an object' END),
                              ('auth', 4, mailproxy.intake_line_reason(auth -> 'method', 8192)),
                              ('auth', 5, mailproxy.intake_line_reason(auth -> 'user', 8192)),
                              ('auth', 6, mailproxy.intake_line_reason(auth -> 'password', 8192)),
                              ('auth', 7, mailproxy.intake_line_reason(auth -> 'token', 8192))) AS c (name, rank, why)
         WHERE c.why IS NOT NULL ORDER BY c.rank LIMIT 1
    LOOP
        reason := format('invalid attachments: %s of attachment %s %s', member.name, number, member.why);
        RETURN;
    END LOOP;
    IF mode = 'base64' THEN
        encoded := regexp_replace(CASE WHEN source = 'storage_path' THEN regexp_replace(place, '^base64:', '') ELSE place END,
                                  '[ \t-\r]', '', 'g');
        IF encoded !~ '^[A-Za-z0-9+/]*={0,2}$' OR length(rtrim(encoded, '=')) % 4 = 1
           OR encoded LIKE '%=' AND length(encoded) % 4 <> 0 THEN
            reason := format('invalid attachments: content of attachment %s is not base64', number);
            RETURN;
        END IF;
        octets := decode(encoded || repeat('=', (4 - length(encoded) % 4) % 4), 'base64');
        IF octet_length(octets) > max_octets THEN
            reason := format('invalid attachments: attachment %s is over the limit of %s octets', number, max_octets);
            RETURN;
        END IF;
    END IF;
    IF coalesce(nullif(auth -> 'password', 'null'), nullif(auth -> 'token', 'null')) IS NOT NULL THEN
        reason := format('invalid attachments: auth of attachment %s: a password or token is sealed by the server: send this message over HTTP',
                         number);
        RETURN;
    END IF;
    stored := (SELECT '{' || string_agg(to_json(c.name)::text || ':' || c.text, ',' ORDER BY c.rank) || '}'
                 FROM (VALUES ('filename', 1, to_json(filename)::text),
                              (source, 2, CASE WHEN mode = 'base64' THEN octet_length(octets)::text
                                               WHEN source = 's3' THEN format('{"bucket":%s,"key":%s}', item #> '{s3,bucket}', item #> '{s3,key}')
                                               ELSE (item -> source)::text END),
                              ('fetch_mode', 3, to_json(mode)::text),
                              ('mime_type', 4, nullif(item -> 'mime_type', 'null')::text),
                              ('content_md5', 5, nullif(item -> 'content_md5', 'null')::text),
                              ('auth', 6, '{' || concat_ws(',', '"method":' || nullif(auth -> 'method', 'null')::text,
                                                               '"user":' || nullif(auth -> 'user', 'null')::text) || '}')) AS c (name, rank, text)
                WHERE c.text IS NOT NULL AND (c.name <> 'auth' OR auth IS NOT NULL));
END $$;
COMMENT ON FUNCTION mailproxy.intake_attachment(jsonb, integer, bigint) IS 'reason: why it cannot be the number-th attachment of a message, in the API''s words; or stored: what stands in the message''s JSON, and octets, where they came with the message as base64.';
