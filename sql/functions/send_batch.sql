-- send_batch: POST /commands/add-messages as a function, in the caller's own transaction.
-- Needs: current_tenant, intake_log, intake_priority, intake_read, intake_store, intake_wake.
CREATE OR REPLACE FUNCTION mailproxy.send_batch(messages jsonb, tenant_id text DEFAULT NULL, default_priority text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    token_tenant CONSTANT text := mailproxy.current_tenant();
    named_tenant CONSTANT text := nullif(send_batch.tenant_id, '');
    drafts       mailproxy.draft[];
    queued       integer;
    refused      boolean;
    rejected     jsonb;
BEGIN
    IF jsonb_typeof(messages) IS DISTINCT FROM 'array' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'messages is not an array';
    ELSIF jsonb_array_length(messages) > 10000 THEN
        RAISE program_limit_exceeded USING MESSAGE = 'Cannot enqueue more than 10000 messages at once';
    ELSIF messages = '[]' THEN
        RETURN '{"ok": true, "queued": 0, "rejected": []}';
    END IF;
    drafts := mailproxy.intake_store(mailproxy.intake_read(
        messages, named_tenant, token_tenant, mailproxy.intake_priority(to_jsonb(send_batch.default_priority), NULL)));
    SELECT count(d.message_pk),
           bool_and(d.reason NOT IN ('already sent', 'being sent')) AND count(d.reason) = count(*)
           AND (named_tenant IS NOT NULL OR EXISTS (SELECT FROM jsonb_array_elements(messages) AS m
                                                     WHERE m.value -> 'tenant_id' <> 'null')),
           coalesce(jsonb_agg(CASE WHEN jsonb_typeof(d.given_id) IN ('string', 'number') THEN jsonb_build_object('id', d.given_id) ELSE '{}' END
                              || jsonb_build_object('reason', d.reason) ORDER BY d.place) FILTER (WHERE d.reason IS NOT NULL), '[]')
      INTO queued, refused, rejected
      FROM unnest(drafts) AS d;
    PERFORM mailproxy.intake_log(drafts, token_tenant, named_tenant,
                                 coalesce(nullif(current_setting('role'), 'none'), session_user), send_batch.default_priority,
                                 CASE WHEN refused THEN 400 ELSE 200 END::smallint);
    IF queued > 0 THEN
        PERFORM mailproxy.intake_wake();
    END IF;
    RETURN jsonb_build_object('ok', NOT refused, 'queued', queued, 'rejected', rejected);
END $$;
COMMENT ON FUNCTION mailproxy.send_batch(jsonb, text, text) IS 'Enqueue messages in the caller''s transaction: an array of what POST /commands/add-messages takes, tenant_id for messages that name none, default_priority (a number or a label) for those without one. {"ok":true,"queued":N,"rejected":[{"id":..,"reason":..}]}; ok is false where all are rejected. Nothing is sent unless the transaction is committed.';
