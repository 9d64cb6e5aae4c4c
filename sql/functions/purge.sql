-- purge: messages that are done and told of leave the database.
-- Needs: log_operation, match_messages
-- Locks: the message rows, then, by cascade, nothing: what is final has no queue row.
CREATE OR REPLACE FUNCTION mailproxy.purge(tenant_id text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                           message_ids text[] DEFAULT NULL, reply_class text DEFAULT NULL,
                                           dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000,
                                           older_than interval DEFAULT '0', untold boolean DEFAULT false) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{sent,error,cancelled}', purge.tenant_id, purge.account_id, purge.batch_code, message_ids, reply_class)
    ), chosen AS MATERIALIZED (
        SELECT g.message_pk, g.message_id
          FROM (SELECT f.message_pk, f.message_id, f.created_at FROM f ORDER BY f.message_pk) g
         WHERE (SELECT m.finished_at FROM mailproxy.message m WHERE m.message_pk = g.message_pk) <= now() - older_than -- one by one
           AND (untold OR (SELECT bool_and(e.reported_at IS NOT NULL) FROM mailproxy.event e
                            WHERE e.message_pk = g.message_pk AND e.created_at >= g.created_at))
         LIMIT max_messages -- no more than these are asked for their events
    )
    SELECT count(*), 0, ARRAY(SELECT c.message_pk FROM chosen c), ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT m.message_pk FROM mailproxy.message m
                      WHERE m.message_pk = ANY (pks) AND m.state <> 'queued'
                      ORDER BY m.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    WITH removed AS (
        DELETE FROM mailproxy.message m WHERE m.message_pk = ANY (pks) RETURNING m.message_pk, m.created_at
    ), body AS (
        DELETE FROM mailproxy.message_body b USING removed r WHERE b.message_pk = r.message_pk AND b.created_at = r.created_at
    ), attachment AS (
        DELETE FROM mailproxy.message_attachment c USING removed r WHERE c.message_pk = r.message_pk AND c.created_at = r.created_at
    )
    DELETE FROM mailproxy.event e USING removed r WHERE e.message_pk = r.message_pk AND e.created_at >= r.created_at;
    PERFORM mailproxy.log_operation('purgeMessages', purge.tenant_id,
                                    jsonb_build_object('tenant_id', purge.tenant_id, 'account_id', purge.account_id, 'batch_code', purge.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class, 'older_than', older_than,
                                                       'untold', untold), done);
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.purge(text, text, text, text[], text, boolean, integer, interval, boolean) IS 'Messages that are final since older_than and told of (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered like this) are removed with their content, attachments and events; attempts leave with their day. untold: also those that the tenant was not told of, which it then never is. remaining counts whatever matches otherwise, told of or not. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.purge(''shop'', older_than => ''2 days'', dry_run => false)';
REVOKE EXECUTE ON FUNCTION mailproxy.purge(text, text, text, text[], text, boolean, integer, interval, boolean) FROM PUBLIC;
