-- explain_message: the story of one message in plain sentences, and why it is not sent yet.
CREATE OR REPLACE FUNCTION mailproxy.explain_message(of_tenant text, of_message text)
RETURNS TABLE (at timestamptz, sentence text)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m      record;
    queued boolean;
BEGIN
    SELECT x.message_pk, x.state INTO m
      FROM mailproxy.message x
     WHERE x.tenant_id = of_tenant AND x.message_id = of_message;
    IF NOT FOUND THEN
        RETURN QUERY SELECT date_trunc('second', now()), format('Tenant %s has no message %s: it was never accepted, or was deleted since; mailproxy.command_log tells.',
                                          of_tenant, of_message);
        RETURN;
    END IF;
    RETURN QUERY SELECT date_trunc('second', h.at), h.sentence FROM mailproxy.explain_history(m.message_pk) h;
    RETURN QUERY SELECT date_trunc('second', now()), l.says FROM mailproxy.explain_lease(m.message_pk) AS l (says);
    RETURN QUERY SELECT date_trunc('second', now()), w.says FROM mailproxy.explain_waiting(m.message_pk) AS w (says);
    RETURN QUERY SELECT date_trunc('second', now()), r.says FROM mailproxy.explain_reports(m.message_pk) AS r (says);
    queued := EXISTS (SELECT FROM mailproxy.queue q WHERE q.message_pk = m.message_pk);
    IF queued <> (m.state = 'queued') THEN
        RETURN QUERY SELECT date_trunc('second', now()), format('It is %s and %s in the queue, which must not be: see mailproxy.audit().', m.state,
                                          CASE WHEN queued THEN 'still' ELSE 'not' END);
    END IF;
END $$;
COMMENT ON FUNCTION mailproxy.explain_message(text, text) IS 'What happened to a message of a tenant, in order, with times; then, as of now, what state it is in and all that keeps it from being sent, and whether its tenant was told. Reads that message''s rows by index, and what is small. It knows what the database knows: the workers'' own settings, such as GMP_CLIENT_SYNC_URL, it does not.';
