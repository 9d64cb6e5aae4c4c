-- intake_content: what is stored of a draft that is valid so far: its known fields as JSON, its attachments' octets apart.
-- Needs: intake_attachment.
CREATE OR REPLACE FUNCTION mailproxy.intake_content(draft mailproxy.draft, message jsonb, max_message_octets bigint,
                                                    max_attachment_octets bigint) RETURNS mailproxy.draft
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    field  text;
    value  jsonb;
    part   text;
    parts  text[] := '{}';
    items  text[] := '{}';
    item   jsonb;
    taken  record;
    octets bigint := 0;
BEGIN
    draft.ordinals := '{}';
    draft.attachments := '{}';
    FOREACH field IN ARRAY ARRAY['id', 'tenant_id', 'account_id', 'from', 'to', 'cc', 'bcc', 'reply_to', 'return_path', 'subject',
                                 'body', 'content_type', 'headers', 'message_id', 'attachments', 'priority', 'deferred_ts',
                                 'batch_code'] LOOP
        value := message -> field;
        CONTINUE WHEN value IS NULL AND field <> 'priority';
        part := value::text;
        IF field = 'priority' THEN
            part := draft.priority::text;
        ELSIF field = 'attachments' AND value <> 'null' THEN
            IF jsonb_typeof(value) <> 'array' OR jsonb_array_length(value) > 1000 THEN
                draft.reason := 'invalid attachments: ' || CASE jsonb_typeof(value) WHEN 'array' THEN 'more than 1000 of them'
                                                                                    ELSE 'is not an array' END;
                RETURN draft;
            END IF;
            FOR item IN SELECT v.value FROM jsonb_array_elements(value) AS v LOOP
                taken := mailproxy.intake_attachment(item, cardinality(items) + 1, max_attachment_octets);
                IF taken.reason IS NOT NULL THEN
                    draft.reason := taken.reason;
                    RETURN draft;
                ELSIF taken.octets IS NOT NULL THEN
                    draft.ordinals := draft.ordinals || cardinality(items);
                    draft.attachments := draft.attachments || taken.octets;
                    octets := octets + octet_length(taken.octets);
                END IF;
                items := items || taken.stored;
            END LOOP;
            part := '[' || array_to_string(items, ',') || ']';
        ELSIF jsonb_typeof(value) = 'array' THEN -- without the blanks that jsonb puts between
            part := (SELECT '[' || coalesce(string_agg(v.value::text, ',' ORDER BY v.place), '') || ']'
                       FROM jsonb_array_elements(value) WITH ORDINALITY AS v (value, place));
        ELSIF jsonb_typeof(value) = 'object' THEN
            part := (SELECT '{' || coalesce(string_agg(to_json(e.key)::text || ':' || e.value::text, ','), '') || '}'
                       FROM jsonb_each(value) AS e);
        END IF;
        parts := parts || (to_json(field)::text || ':' || part);
    END LOOP;
    part := '{' || array_to_string(parts, ',') || '}';
    octets := octets + octet_length(part);
    IF octets > max_message_octets THEN
        draft.reason := format('invalid message: is over the limit of %s octets', max_message_octets);
    ELSE
        draft.content := part;
        draft.size_octets := octets;
    END IF;
    RETURN draft;
END $$;
COMMENT ON FUNCTION mailproxy.intake_content(mailproxy.draft, jsonb, bigint, bigint) IS 'The draft with its content, attachments and size_octets; or with the reason why it is rejected: an attachment is wrong, or it is over a limit.';
