-- reprioritise: messages that wait get another priority.
-- Needs: log_operation, match_messages
-- Locks: the queue rows, then the message rows; waits for claims and records under way.
CREATE OR REPLACE FUNCTION mailproxy.reprioritise(tenant_id text, to_priority integer, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                                  message_ids text[] DEFAULT NULL, reply_class text DEFAULT NULL,
                                                  dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    IF (to_priority BETWEEN 0 AND 3) IS NOT TRUE THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a priority is 0 (immediate), 1 (high), 2 (medium) or 3 (low)';
    END IF;
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{queued}', reprioritise.tenant_id, reprioritise.account_id, reprioritise.batch_code, message_ids,
                                               reply_class) g
         WHERE g.priority <> to_priority
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE NOT f.leased ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), ARRAY(SELECT c.message_pk FROM chosen c),
           ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
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
    UPDATE mailproxy.queue q SET priority = to_priority WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m SET priority = to_priority, updated_at = now() WHERE m.message_pk = ANY (pks);
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('reprioritiseMessages', reprioritise.tenant_id,
                                    jsonb_build_object('tenant_id', reprioritise.tenant_id, 'to_priority', to_priority,
                                                       'account_id', reprioritise.account_id, 'batch_code', reprioritise.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class), done);
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.reprioritise(text, integer, text, text, text[], text, boolean, integer) IS 'Messages that wait (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) get this priority, 0 to 3, as if they had come with it. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.reprioritise(''shop'', 3, batch_code => ''spring'', dry_run => false)';
REVOKE EXECUTE ON FUNCTION mailproxy.reprioritise(text, integer, text, text, text[], text, boolean, integer) FROM PUBLIC;
