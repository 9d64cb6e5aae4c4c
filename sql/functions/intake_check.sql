-- intake_check: is a draft well-formed in every field, and what of it is stored? The checks are in the API's order.
-- Needs: intake_addresses, intake_content, intake_headers_reason, intake_integer, intake_line_reason, intake_priority, intake_recipients_reason, intake_text_reason.
CREATE OR REPLACE FUNCTION mailproxy.intake_check(draft mailproxy.draft, message jsonb, max_message_octets bigint,
                                                  max_attachment_octets bigint, fallback_priority integer) RETURNS mailproxy.draft
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    checked     record;
    domain      text;
    from_reason text;
    mime_id     text;
BEGIN
    IF nullif(message -> 'from', 'null') IS NULL THEN
        message := message || jsonb_build_object('from', coalesce(nullif(message -> 'from_addr', 'null'), message -> 'from_'));
    END IF;
    from_reason := mailproxy.intake_text_reason(message -> 'from', true);
    IF from_reason IS NULL THEN
        checked := mailproxy.intake_addresses(message ->> 'from', true);
        from_reason := checked.reason;
        domain := checked.domain;
    END IF;
    mime_id := regexp_replace(btrim(message ->> 'message_id', E' \t'), '^<(.*)>$', '\1');
    draft.reason := coalesce(
        'invalid id: ' || mailproxy.intake_line_reason(message -> 'id', 255),
        'invalid batch_code: ' || mailproxy.intake_text_reason(message -> 'batch_code', false),
        CASE WHEN length(message ->> 'batch_code') > 64 THEN 'invalid batch_code: is longer than 64 characters'
             WHEN strpos(message ->> 'batch_code', ',') > 0 THEN 'invalid batch_code: contains a comma' END,
        'invalid from: ' || from_reason,
        'invalid to: ' || mailproxy.intake_recipients_reason(message -> 'to', true),
        'invalid cc: ' || mailproxy.intake_recipients_reason(message -> 'cc', true),
        'invalid bcc: ' || mailproxy.intake_recipients_reason(message -> 'bcc', true),
        'invalid reply_to: ' || mailproxy.intake_recipients_reason(message -> 'reply_to', false),
        'invalid return_path: ' || mailproxy.intake_text_reason(message -> 'return_path', true),
        CASE WHEN message ->> 'return_path' !~ '^ *(<>)? *$' -- the null reverse-path
             THEN 'invalid return_path: ' || (mailproxy.intake_addresses(message ->> 'return_path', true)).reason END,
        'invalid message_id: ' || mailproxy.intake_text_reason(message -> 'message_id', true),
        CASE WHEN octet_length(mime_id) > 900 THEN 'invalid message_id: is longer than 900 octets'
             WHEN mime_id ~ '[^\u0021-\u003b\u003d\u003f-\u007e]'
             THEN 'invalid message_id: is not of visible ASCII characters' END,
        'invalid subject: ' || mailproxy.intake_text_reason(message -> 'subject', true),
        'invalid body: ' || mailproxy.intake_text_reason(message -> 'body', false),
        'invalid content_type: ' || mailproxy.intake_text_reason(message -> 'content_type', false),
        mailproxy.intake_headers_reason(message -> 'headers'),
        CASE WHEN message -> 'deferred_ts' <> 'null' -- the end of the year 9999
              AND coalesce(mailproxy.intake_integer(message -> 'deferred_ts') > 253402300799, true)
             THEN 'invalid deferred_ts: is not a time in seconds since the epoch' END);
    IF draft.reason IS NOT NULL THEN
        RETURN draft;
    END IF;
    draft.message_id := message ->> 'id';
    draft.batch_code := nullif(message ->> 'batch_code', '');
    draft.mime_message_id := '<' || coalesce(nullif(mime_id, ''), replace(gen_random_uuid()::text, '-', '') || '@' || domain) || '>';
    draft.priority := mailproxy.intake_priority(message -> 'priority', fallback_priority);
    draft.due_s := nullif(greatest(mailproxy.intake_integer(message -> 'deferred_ts'), 0), 0);
    RETURN mailproxy.intake_content(draft, message, max_message_octets, max_attachment_octets);
END $$;
COMMENT ON FUNCTION mailproxy.intake_check(mailproxy.draft, jsonb, bigint, bigint, integer) IS 'The draft with all that is stored of the message, or with the reason why it is rejected, in the API''s words.';
