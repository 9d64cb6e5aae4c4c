-- requeue: messages that were given up or cancelled are tried again.
-- Needs: log_operation, match_messages
-- Locks: shares the tenant's row where a message has a batch code (lock_suspended), then the message rows. A deletion or replacement
-- of the same message that waits for this takes it as one that waits, even where a worker was quick enough to claim it first.
CREATE OR REPLACE FUNCTION mailproxy.requeue(tenant_id text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                             message_ids text[] DEFAULT NULL, reply_class text DEFAULT NULL,
                                             dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    done      mailproxy.effect;
    pks       bigint[];
    suspended bigint[];
    matching  bigint;
    bare      bigint;
BEGIN
    WITH f AS MATERIALIZED (
        SELECT g.*, EXISTS (SELECT FROM mailproxy.message_body b
                             WHERE b.message_pk = g.message_pk AND b.created_at = g.created_at)
                    AND (SELECT m.attachments = 0
                                OR EXISTS (SELECT FROM mailproxy.message_attachment c
                                            WHERE c.message_pk = m.message_pk AND c.created_at = m.created_at)
                           FROM mailproxy.message m WHERE m.message_pk = g.message_pk) AS has_content
          FROM mailproxy.match_messages('{error,cancelled}', requeue.tenant_id, requeue.account_id, requeue.batch_code, message_ids, reply_class) g
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE f.has_content ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE f.has_content), count(*) FILTER (WHERE NOT f.has_content), 0,
           ARRAY(SELECT c.message_pk FROM chosen c), ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, bare, done.busy, pks, done.examples
      FROM f;
    IF bare > 0 THEN
        RAISE NOTICE 'content that is not stored any more: of % messages, which are left as they are', bare;
    END IF;
    IF NOT dry_run THEN
        suspended := mailproxy.lock_suspended(pks);
        pks := ARRAY(SELECT m.message_pk FROM mailproxy.message m
                      WHERE m.message_pk = ANY (pks) AND m.state IN ('error', 'cancelled')
                      ORDER BY m.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    DELETE FROM mailproxy.event e -- what the tenant was not told yet is not so any more
     USING mailproxy.message m
     WHERE m.message_pk = ANY (pks) AND e.message_pk = m.message_pk AND e.created_at >= m.created_at
       AND e.event_type = 'error' AND e.reported_at IS NULL;
    UPDATE mailproxy.message m
       SET state = 'queued', finished_at = NULL, updated_at = now(), retries = 0, deferred_since = NULL, reply_code = NULL, reason = NULL,
           settled = (SELECT jsonb_agg(s.recipient ORDER BY s.place)
                        FROM jsonb_array_elements(m.settled) WITH ORDINALITY AS s (recipient, place)
                       WHERE s.recipient ->> 'outcome' = 'sent')
     WHERE m.message_pk = ANY (pks);
    INSERT INTO mailproxy.queue (message_pk, due_at, priority, state, tenant_id, account_id)
    SELECT m.message_pk, now(), m.priority, CASE WHEN m.message_pk = ANY (suspended) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
           m.tenant_id, m.account_id
      FROM mailproxy.message m
     WHERE m.message_pk = ANY (pks)
     ORDER BY m.message_pk;
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('requeueMessages', requeue.tenant_id,
                                    jsonb_build_object('tenant_id', requeue.tenant_id, 'account_id', requeue.account_id, 'batch_code', requeue.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class), done);
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.requeue(text, text, text, text[], text, boolean, integer) IS 'Messages in state error or cancelled (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''5xx'', ''550'', ''5.7.1'' or, by ''none'', not at all) are tried again, now and with all their retries, under the same Message-ID. Recipients that have it already are not sent to again; those that were refused are. An error of which the tenant was not told yet is not told any more. Messages whose content has left are left alone, with a notice. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.requeue(''shop'', reply_class => ''5.7.1'', dry_run => false)';
REVOKE EXECUTE ON FUNCTION mailproxy.requeue(text, text, text, text[], text, boolean, integer) FROM PUBLIC;
