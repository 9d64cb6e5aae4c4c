-- cancel: messages that are not sent yet never will be.
-- Needs: log_operation, match_messages
-- Locks: the queue rows, then the message rows, then the tenant's tenant_sync row; waits for claims and records under way.
CREATE OR REPLACE FUNCTION mailproxy.cancel(tenant_id text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                            message_ids text[] DEFAULT NULL, reply_class text DEFAULT NULL,
                                            dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000,
                                            reason text DEFAULT 'cancelled by the operator') RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{queued}', cancel.tenant_id, cancel.account_id, cancel.batch_code, message_ids, reply_class)
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
    DELETE FROM mailproxy.queue q WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m
       SET state = 'cancelled', finished_at = now(), updated_at = now(),
           reason = cancel.reason || coalesce('; sent before that to ' || (
               SELECT string_agg(s.recipient ->> 'address', ', ')
                 FROM jsonb_array_elements(m.settled) AS s (recipient) WHERE s.recipient ->> 'outcome' = 'sent'), '')
     WHERE m.message_pk = ANY (pks);
    INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description, metadata)
    SELECT m.message_pk, now(), 'error', m.tenant_id, m.reason,
           (SELECT jsonb_build_object('refused', jsonb_agg(s.recipient - 'outcome'))
              FROM jsonb_array_elements(m.settled) AS s (recipient) WHERE s.recipient ->> 'outcome' = 'error'
            HAVING count(*) > 0)
      FROM mailproxy.message m
     WHERE m.message_pk = ANY (pks)
     ORDER BY m.message_pk;
    UPDATE mailproxy.tenant_sync s SET news_seq = s.news_seq + 1 WHERE s.tenant_id = cancel.tenant_id;
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('cancelMessages', cancel.tenant_id,
                                    jsonb_build_object('tenant_id', cancel.tenant_id, 'account_id', cancel.account_id, 'batch_code', cancel.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class, 'reason', cancel.reason), done);
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.cancel(text, text, text, text[], text, boolean, integer, text) IS 'Messages that wait (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) are not sent any more: they become cancelled, which their tenant is told as an error with this reason. Recipients that have it already are named in the reason. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.cancel(''shop'', batch_code => ''spring'', dry_run => false)';
REVOKE EXECUTE ON FUNCTION mailproxy.cancel(text, text, text, text[], text, boolean, integer, text) FROM PUBLIC;
