-- match_messages: which messages is a function for operators meant for?
-- Needs: reply_matches
-- Locks: none; what is to be changed is locked, and looked at again, by who asked.
CREATE OR REPLACE FUNCTION mailproxy.match_messages(states mailproxy.message_state[], of_tenant text, of_account text, of_batch text,
                                                    of_ids text[], of_reply text)
RETURNS TABLE (message_pk bigint, created_at timestamptz, message_id text, account_id text, priority smallint, leased boolean)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM mailproxy.tenant t WHERE t.tenant_id = of_tenant) THEN
        RAISE no_data_found USING MESSAGE = format('there is no tenant %s', coalesce(quote_literal(of_tenant), 'null: name one'));
    ELSIF of_account IS NOT NULL
          AND NOT EXISTS (SELECT FROM mailproxy.account a WHERE a.tenant_id = of_tenant AND a.account_id = of_account) THEN
        RAISE no_data_found USING MESSAGE = format('tenant %L has no account %L', of_tenant, of_account);
    ELSIF of_reply !~ '^([245]xx|[245][0-9]{2}|[245]\.[0-9]{1,3}\.[0-9]{1,3}|none)$' THEN
        RAISE invalid_parameter_value USING MESSAGE = format('reply_class %L is none of ''4xx'', ''550'', ''5.7.1'', ''none''', of_reply);
    END IF;
    IF states = '{queued}' AND of_ids IS NULL AND of_batch IS NULL THEN -- by an index of each state a queue row can have
        RETURN QUERY
        SELECT m.message_pk, m.created_at, m.message_id, m.account_id, m.priority, q.leased
          FROM (SELECT r.message_pk, false AS leased FROM mailproxy.queue r
                 WHERE r.state = 'ready' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)
                 UNION ALL
                SELECT r.message_pk, false FROM mailproxy.queue r
                 WHERE r.state = 'scheduled' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)
                 UNION ALL
                SELECT r.message_pk, false FROM mailproxy.queue r
                 WHERE r.state = 'held' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)
                 UNION ALL
                SELECT r.message_pk, true FROM mailproxy.queue r
                 WHERE r.state = 'leased' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)) q
          JOIN mailproxy.message m ON m.message_pk = q.message_pk
         WHERE of_reply IS NULL OR mailproxy.reply_matches(of_reply, m.message_pk, m.reply_code, m.reason);
    ELSE
        RETURN QUERY
        SELECT m.message_pk, m.created_at, m.message_id, m.account_id, m.priority,
               m.state = 'queued' AND EXISTS (SELECT FROM mailproxy.queue q WHERE q.message_pk = m.message_pk AND q.state = 'leased')
          FROM mailproxy.message m
         WHERE m.tenant_id = of_tenant AND m.state = ANY (states)
           AND (of_account IS NULL OR m.account_id = of_account)
           AND (of_batch IS NULL OR m.batch_code = of_batch)
           AND (of_ids IS NULL OR m.message_id = ANY (of_ids))
           AND (of_reply IS NULL OR mailproxy.reply_matches(of_reply, m.message_pk, m.reply_code, m.reason));
    END IF;
END $$;
COMMENT ON FUNCTION mailproxy.match_messages(mailproxy.message_state[], text, text, text, text[], text) IS 'A tenant''s messages in one of these states, of this account, batch, with one of these ids, whose last attempt was answered like this (reply_matches); null: any. leased: a worker has it in its hands. An unknown tenant or account is an error.';
