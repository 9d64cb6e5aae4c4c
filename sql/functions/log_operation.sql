-- log_operation: note in the command log what a function for operators did.
CREATE OR REPLACE FUNCTION mailproxy.log_operation(endpoint text, of_tenant text, asked jsonb, done mailproxy.effect) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO mailproxy.command_log (endpoint, tenant_id, actor, response_status, payload)
    SELECT endpoint, of_tenant,
           CASE WHEN has_table_privilege(session_user, 'mailproxy.command_log', 'INSERT') -- a program's login may say for whom it asks
                THEN coalesce(nullif(current_setting('mailproxy.actor', true), ''), session_user::text) ELSE session_user::text END, 200,
           jsonb_strip_nulls(asked || jsonb_build_object('message_ids', i.first, 'message_ids_count', i.more,
                                                         'messages', done.messages, 'busy', done.busy))::json
      FROM (SELECT jsonb_agg(u.id ORDER BY u.place) FILTER (WHERE u.place <= 100) AS first,
                   CASE WHEN count(*) > 100 THEN count(*) END AS more
              FROM jsonb_array_elements(coalesce(nullif(asked -> 'message_ids', 'null'), '[]')) WITH ORDINALITY AS u (id, place)) i
$$;
COMMENT ON FUNCTION mailproxy.log_operation(text, text, jsonb, mailproxy.effect) IS 'A row of the command log: who is the session''s user (or, where that one may write here anyway, mailproxy.actor of the session''s settings), what the parameters (of message_ids the first hundred) and what came of it. Last in its function: it waits for nobody.';
