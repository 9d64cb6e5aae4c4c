-- send: hand over one message in the caller's own transaction, or fail with the reason.
-- Needs: send_batch.
CREATE OR REPLACE FUNCTION mailproxy.send(
    account_id text, "from" text, "to" text, subject text, body text DEFAULT NULL, id text DEFAULT NULL, tenant_id text DEFAULT NULL,
    content_type text DEFAULT NULL, cc text DEFAULT NULL, bcc text DEFAULT NULL, reply_to text DEFAULT NULL,
    return_path text DEFAULT NULL, headers jsonb DEFAULT NULL, message_id text DEFAULT NULL, attachments jsonb DEFAULT NULL,
    priority text DEFAULT NULL, deferred_until timestamptz DEFAULT NULL, batch_code text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    given_id CONSTANT text := coalesce(id, gen_random_uuid()::text);
    answer   jsonb;
    reason   text;
BEGIN
    answer := mailproxy.send_batch(jsonb_build_array(
        jsonb_strip_nulls(jsonb_build_object(
            'id', given_id, 'account_id', account_id, 'from', "from", 'to', "to", 'subject', subject, 'body', body,
            'tenant_id', tenant_id, 'content_type', content_type, 'cc', cc, 'bcc', bcc, 'reply_to', reply_to,
            'return_path', return_path, 'message_id', message_id, 'priority', priority, 'batch_code', batch_code,
            'deferred_ts', ceil(extract(epoch FROM deferred_until))))
        || CASE WHEN headers IS NULL THEN '{}' ELSE jsonb_build_object('headers', headers) END
        || CASE WHEN attachments IS NULL THEN '{}' ELSE jsonb_build_object('attachments', attachments) END));
    reason := answer #>> '{rejected,0,reason}';
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION USING
            MESSAGE = reason,
            ERRCODE = CASE reason WHEN 'already sent' THEN 'unique_violation' WHEN 'being sent' THEN 'object_in_use'
                                  WHEN 'tenant mismatch' THEN 'insufficient_privilege' ELSE 'invalid_parameter_value' END,
            DETAIL = format('The message has the id %s.', given_id);
    END IF;
    RETURN given_id;
END $$;
COMMENT ON FUNCTION mailproxy.send(text, text, text, text, text, text, text, text, text, text, text, text, jsonb, text, jsonb, text, timestamptz, text) IS 'Enqueue one message in the caller''s transaction; the parameters are the fields of POST /commands/add-messages, deferred_until stands for deferred_ts. Returns its id (a new UUID where none is given); raises the reason where it is rejected: unique_violation (already sent), object_in_use (being sent), insufficient_privilege (another tenant''s), else invalid_parameter_value.';
