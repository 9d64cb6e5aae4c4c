-- reroute: messages that wait go out over another account of their tenant.
-- Needs: log_operation, match_messages
-- Locks: shares the account they go to, then the queue rows, then the message rows; waits for claims and records under way.
CREATE OR REPLACE FUNCTION mailproxy.reroute(tenant_id text, to_account text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                             message_ids text[] DEFAULT NULL, reply_class text DEFAULT NULL,
                                             dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
    other    record;
BEGIN
    SELECT a.is_pec_account INTO other FROM mailproxy.account a
     WHERE a.tenant_id = reroute.tenant_id AND a.account_id = to_account
       FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = format('tenant %L has no account %L', reroute.tenant_id, to_account);
    END IF;
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{queued}', reroute.tenant_id, reroute.account_id, reroute.batch_code, message_ids, reply_class) g
         WHERE g.account_id <> to_account
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE NOT f.leased ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), ARRAY(SELECT c.message_pk FROM chosen c),
           ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF EXISTS (SELECT FROM mailproxy.message m WHERE m.message_pk = ANY (pks) AND m.is_pec <> other.is_pec_account) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('certified mail (PEC) goes over PEC accounts, and nothing else does: %L is %s',
                                                             to_account, CASE WHEN other.is_pec_account THEN 'one' ELSE 'none' END);
    END IF;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                      WHERE q.message_pk = ANY (pks) AND q.state <> 'leased'
                      ORDER BY q.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    UPDATE mailproxy.queue q -- what waited for the other account, waits no more
       SET account_id = to_account, waits_for_account = false,
           state = CASE WHEN q.state = 'scheduled' AND q.waits_for_account THEN 'ready' ELSE q.state END,
           due_at = CASE WHEN q.waits_for_account OR q.state = 'ready' THEN least(q.due_at, now()) ELSE q.due_at END
     WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m
       SET account_id = to_account, updated_at = now(), retries = 0, deferred_since = NULL
     WHERE m.message_pk = ANY (pks);
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('rerouteMessages', reroute.tenant_id,
                                    jsonb_build_object('tenant_id', reroute.tenant_id, 'to_account', to_account, 'account_id', reroute.account_id,
                                                       'batch_code', reroute.batch_code, 'message_ids', message_ids, 'reply_class', reply_class), done);
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.reroute(text, text, text, text, text[], text, boolean, integer) IS 'Messages that wait (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) go out over another account of the tenant. What waited for the account they leave is due now, what waits for its own time keeps it; retries count anew. Certified mail (PEC) goes to PEC accounts only. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.reroute(''shop'', ''spare'', account_id => ''main'', dry_run => false)';
REVOKE EXECUTE ON FUNCTION mailproxy.reroute(text, text, text, text, text[], text, boolean, integer) FROM PUBLIC;
