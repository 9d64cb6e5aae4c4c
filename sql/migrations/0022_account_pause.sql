-- 0022_account_pause: an account can be paused, and what a dead worker held can be taken over by whoever finds it dead.

-- On account, not account_state: the pause is somebody's wish, which no claim, record or update of the account changes.
ALTER TABLE mailproxy.account
    ADD COLUMN paused_at     timestamptz,
    ADD COLUMN paused_reason text,
    ADD CONSTRAINT account_pause_has_a_reason CHECK (num_nulls(paused_at, paused_reason) IN (0, 2));
COMMENT ON COLUMN mailproxy.account.paused_at IS 'Since when claims pass the account by, until it is resumed (mailproxy.pause, mailproxy.resume); null: it is not paused. An update of the account leaves it.';
COMMENT ON COLUMN mailproxy.account.paused_reason IS 'Why; its tenant reads it as deferred_reason.';

CREATE FUNCTION mailproxy.account_tell_pause() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE mailproxy.instance SET suspension_seq = suspension_seq + 1;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.account_tell_pause IS 'Trigger: workers hand back what they have not begun of an account that is paused, and claim again when it is resumed.';
CREATE TRIGGER account_tell_pause AFTER UPDATE ON mailproxy.account
    FOR EACH ROW WHEN ((OLD.paused_at IS NULL) <> (NEW.paused_at IS NULL)) EXECUTE FUNCTION mailproxy.account_tell_pause();

CREATE FUNCTION mailproxy.take_over(epochs bigint[])
RETURNS TABLE (message_pk bigint, tenant_id text, message_id text, account_id text, epoch bigint, attempts integer)
LANGUAGE plpgsql ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH gone AS MATERIALIZED (
        SELECT unnest(epochs) AS epoch
    ), suspended AS MATERIALIZED (
        SELECT mailproxy.lock_suspended(ARRAY(SELECT q.message_pk FROM gone JOIN mailproxy.queue q ON q.lease_epoch = gone.epoch
                                               WHERE q.state = 'leased')) AS pks
    ), freed AS (
        UPDATE mailproxy.queue q
           SET state = CASE WHEN q.message_pk = ANY (s.pks) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
               lease_token = NULL, lease_epoch = NULL, leased_at = NULL
          FROM suspended s, gone
         WHERE q.state = 'leased' AND q.lease_epoch = gone.epoch
        RETURNING q.message_pk, q.tenant_id, q.account_id, q.attempts, gone.epoch
    ), stamped AS MATERIALIZED (
        SELECT mailproxy.stamp_rates(array_agg(f.tenant_id), array_agg(f.account_id), array_agg(f.messages))
          FROM (SELECT tenant_id, account_id, count(*)::integer AS messages FROM freed GROUP BY tenant_id, account_id) f
        HAVING count(*) > 0
    ), hung_up AS (
        UPDATE mailproxy.tenant_sync s SET lease_token = NULL, lease_epoch = NULL, leased_at = NULL
          FROM gone
         WHERE s.lease_epoch = gone.epoch AND (SELECT count(*) FROM stamped) >= 0 -- first
    ), disconnected AS (
        DELETE FROM mailproxy.connection_grant c
         USING gone
         WHERE c.lease_epoch = gone.epoch
    ), doubted AS (
        INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, in_doubt, tenant_id, account_id, reply)
        SELECT f.message_pk, f.epoch, f.attempts, 'deferred', true, f.tenant_id, f.account_id,
               'the worker died while it held the message: the relay may have taken it'
          FROM freed f
    ), counted AS (
        INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, in_doubt)
        SELECT f.tenant_id, f.account_id, 0, count(*)
          FROM freed f
          JOIN mailproxy.account_state s ON s.tenant_id = f.tenant_id AND s.account_id = f.account_id
         GROUP BY f.tenant_id, f.account_id
         ORDER BY f.tenant_id, f.account_id
        ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE SET in_doubt = c.in_doubt + excluded.in_doubt
    )
    SELECT f.message_pk, f.tenant_id, m.message_id, f.account_id, f.epoch, f.attempts
      FROM freed f
      JOIN mailproxy.message m ON m.message_pk = f.message_pk
     WHERE (SELECT count(*) FROM stamped) >= 0;
END $$;
COMMENT ON FUNCTION mailproxy.take_over(bigint[]) IS 'What workers that have ended still held goes back: messages become ready (held where their batch is suspended) and their attempts in doubt, since the relay may have taken them, which counts against rate limits; calls to tenants and connections are free. To be called with the workers ended already. A row for each message.';

CREATE TYPE mailproxy.effect AS (
    messages  bigint,
    busy      bigint,
    remaining bigint,
    examples  text[]
);
COMMENT ON TYPE mailproxy.effect IS 'What a function for operators did, or would do: to how many messages; how many more it was meant for were in a worker''s hands and left alone; how many are left for the next call (max_messages); ids of up to five of the first.';
