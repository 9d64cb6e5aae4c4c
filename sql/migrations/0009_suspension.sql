-- 0009_suspension: what of a tenant is suspended, and that the queue and the workers follow it at once.

-- The workers look at one number, every half second and when they are notified.
ALTER TABLE mailproxy.instance ADD COLUMN suspension_seq bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN mailproxy.instance.suspension_seq IS 'Raised by whatever suspends or activates: a worker that sees it changed hands back what it must not begin any more.';

UPDATE mailproxy.tenant SET suspended_batches = array_remove(suspended_batches, NULL)
 WHERE array_position(suspended_batches, NULL) IS NOT NULL;
ALTER TABLE mailproxy.tenant
    ADD CONSTRAINT tenant_suspended_batches_have_codes CHECK (array_position(suspended_batches, NULL) IS NULL);

-- Of columns that never change: updates of a message stay HOT.
CREATE INDEX message_by_batch ON mailproxy.message (tenant_id, batch_code) WHERE batch_code IS NOT NULL;
-- What waits, by account: with queue_ready and queue_leased they count a tenant's backlog without one index on all rows,
-- which every claim would have to maintain.
CREATE INDEX queue_held ON mailproxy.queue (tenant_id, account_id) WHERE state = 'held';
CREATE INDEX queue_scheduled_by_account ON mailproxy.queue (tenant_id, account_id) WHERE state = 'scheduled';

-- Each query of the function sees what was committed before it: the tenants as they are once they are locked, which one
-- statement that locks and decides at once would have to fetch through its locks.
CREATE FUNCTION mailproxy.lock_suspended(message_pks bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant_ids text[];
BEGIN
    tenant_ids := ARRAY(SELECT DISTINCT m.tenant_id FROM mailproxy.message m
                         WHERE m.message_pk = ANY (message_pks) AND m.batch_code IS NOT NULL);
    IF cardinality(tenant_ids) = 0 THEN
        RETURN '{}';
    END IF;
    PERFORM FROM mailproxy.tenant t WHERE t.tenant_id = ANY (tenant_ids) ORDER BY t.tenant_id FOR SHARE;
    RETURN ARRAY(SELECT m.message_pk
                   FROM mailproxy.message m JOIN mailproxy.tenant t USING (tenant_id)
                  WHERE m.message_pk = ANY (message_pks) AND m.batch_code = ANY (t.suspended_batches));
END $$;
COMMENT ON FUNCTION mailproxy.lock_suspended IS 'Of these messages, those whose batch is suspended. No batch of their tenants can be suspended or activated until the transaction ends. To be called before their queue rows are locked, for rows that are about to leave a worker''s hands: held or ready.';

CREATE FUNCTION mailproxy.tenant_apply_suspension() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    change  record;
    changed boolean := false;
BEGIN
    FOR change IN
        SELECT n.tenant_id, n.suspended_batches AS codes,
               ARRAY(SELECT unnest(n.suspended_batches) EXCEPT SELECT unnest(o.suspended_batches) EXCEPT SELECT '*') AS added,
               NOT '*' = ANY (n.suspended_batches) AND NOT o.suspended_batches <@ n.suspended_batches AS some_ended
          FROM tenant_after n JOIN tenant_before o USING (tenant_id)
         WHERE n.suspended_batches <> o.suspended_batches
         ORDER BY n.tenant_id
    LOOP
        changed := true;
        -- Below that level the queries here would not see what was enqueued while the tenant's row was waited for.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'tenant.suspended_batches can be changed at isolation level read committed only'
                USING HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
        END IF;
        UPDATE mailproxy.queue q
           SET state = 'held'
         WHERE q.message_pk = ANY (ARRAY(
                   SELECT w.message_pk
                     FROM mailproxy.message m JOIN mailproxy.queue w USING (message_pk)
                    WHERE m.tenant_id = change.tenant_id AND m.batch_code = ANY (change.added)
                      AND m.batch_code IS NOT NULL AND w.state IN ('ready', 'scheduled')
                    ORDER BY w.message_pk
                      FOR UPDATE OF w));
        CONTINUE WHEN NOT change.some_ended;
        UPDATE mailproxy.queue q
           SET state = CASE WHEN q.due_at <= now() THEN 'ready' ELSE 'scheduled' END::mailproxy.queue_state
         WHERE q.message_pk = ANY (ARRAY(
                   SELECT w.message_pk
                     FROM mailproxy.queue w JOIN mailproxy.message m USING (message_pk)
                    WHERE w.state = 'held' AND w.tenant_id = change.tenant_id
                      AND (m.batch_code = ANY (change.codes)) IS NOT TRUE
                    ORDER BY w.message_pk
                      FOR UPDATE OF w));
    END LOOP;
    IF changed THEN -- last: whoever suspends something of another tenant waits for this row
        UPDATE mailproxy.instance SET suspension_seq = suspension_seq + 1;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.tenant_apply_suspension IS 'Trigger: the queue follows tenant.suspended_batches. Waiting messages of a batch that was added become held, held ones of a batch that is not suspended any more become ready or scheduled; a whole tenant ("*") is passed by where it is claimed, and no row is touched for it.';
CREATE TRIGGER tenant_apply_suspension AFTER UPDATE ON mailproxy.tenant
    REFERENCING OLD TABLE AS tenant_before NEW TABLE AS tenant_after
    FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.tenant_apply_suspension();

CREATE FUNCTION mailproxy.instance_tell_suspension() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.active <> OLD.active THEN
        NEW.suspension_seq := OLD.suspension_seq + 1;
    END IF;
    IF NEW.suspension_seq <> OLD.suspension_seq THEN
        PERFORM pg_notify('mailproxy_wake', 'suspension');
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION mailproxy.instance_tell_suspension IS 'Trigger: whatever suspends or activates raises instance.suspension_seq and wakes the workers.';
CREATE TRIGGER instance_tell_suspension BEFORE UPDATE ON mailproxy.instance
    FOR EACH ROW EXECUTE FUNCTION mailproxy.instance_tell_suspension();

-- Batches suspended by hand before there was a trigger.
UPDATE mailproxy.queue q
   SET state = 'held'
  FROM mailproxy.tenant t, mailproxy.message m
 WHERE m.tenant_id = t.tenant_id AND m.batch_code = ANY (t.suspended_batches)
   AND q.message_pk = m.message_pk AND q.state IN ('ready', 'scheduled');
