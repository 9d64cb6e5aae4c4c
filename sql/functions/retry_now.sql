-- retry_now: messages that were deferred are tried again now, before their time.
-- Needs: log_operation, match_messages
-- Locks: the queue rows, in order.
CREATE OR REPLACE FUNCTION mailproxy.retry_now(tenant_id text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                               message_ids text[] DEFAULT NULL, reply_class text DEFAULT NULL,
                                               dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    WITH f AS MATERIALIZED ( -- what was never tried waits as its sender wished
        SELECT g.message_pk, g.message_id
          FROM mailproxy.match_messages('{queued}', retry_now.tenant_id, retry_now.account_id, retry_now.batch_code, message_ids,
                                        reply_class) g
          JOIN mailproxy.queue q ON q.message_pk = g.message_pk
         WHERE q.state = 'scheduled' AND q.attempts > 0
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*), 0, ARRAY(SELECT c.message_pk FROM chosen c), ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                      WHERE q.message_pk = ANY (pks) AND q.state = 'scheduled' AND q.attempts > 0
                      ORDER BY q.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    UPDATE mailproxy.queue q SET state = 'ready', due_at = now() WHERE q.message_pk = ANY (pks);
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('retryMessages', retry_now.tenant_id,
                                    jsonb_build_object('tenant_id', retry_now.tenant_id, 'account_id', retry_now.account_id,
                                                       'batch_code', retry_now.batch_code, 'message_ids', message_ids,
                                                       'reply_class', reply_class), done);
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.retry_now(text, text, text, text[], text, boolean, integer) IS 'Messages that were tried and wait for their next attempt (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) are due now. It is a retry like any other and uses one up; what waits behind an account that is backed off goes with run-now. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.retry_now(''shop'', reply_class => ''4.7.1'', dry_run => false)';
REVOKE EXECUTE ON FUNCTION mailproxy.retry_now(text, text, text, text[], text, boolean, integer) FROM PUBLIC;
