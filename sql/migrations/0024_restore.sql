-- 0024_restore: after a restore from backup nothing is sent until an operator has agreed.
ALTER TABLE mailproxy.instance
    ADD COLUMN restore_found_at   timestamptz,
    ADD COLUMN restore_found_by   bigint,
    ADD COLUMN restore_seen_at    timestamptz,
    ADD COLUMN restore_seen_epoch bigint,
    ADD COLUMN sends              boolean NOT NULL GENERATED ALWAYS AS (active AND restore_found_at IS NULL) STORED,
    ADD CONSTRAINT instance_restore_is_whole
        CHECK (num_nulls(restore_found_at, restore_found_by, restore_seen_at, restore_seen_epoch) IN (0, 4));
COMMENT ON COLUMN mailproxy.instance.epoch IS 'Raised by confirm_restore(). A worker that has seen a lower one takes whatever it finds as agreed to.';
COMMENT ON COLUMN mailproxy.instance.restore_found_at IS 'Since when nothing is sent, because a worker has seen a later state of this database than it is in; null: all is well. Ended by confirm_restore().';
COMMENT ON COLUMN mailproxy.instance.restore_found_by IS 'The epoch of the worker that found it.';
COMMENT ON COLUMN mailproxy.instance.restore_seen_at IS 'The last moment of the lost time that any worker has seen. What waits since before then may have been sent.';
COMMENT ON COLUMN mailproxy.instance.restore_seen_epoch IS 'The highest instance.epoch that any worker has seen.';
COMMENT ON COLUMN mailproxy.instance.sends IS 'Whether messages are sent: active, and no restore is to be confirmed.';
COMMENT ON COLUMN mailproxy.worker.heartbeat_at IS 'Older than lease_s seconds: the worker counts as dead and what it held is taken over. With epoch and started_at it is what the worker remembers of this database: see insert_worker.';

CREATE OR REPLACE FUNCTION mailproxy.instance_tell_suspension() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.active, NEW.restore_found_at IS NULL) IS DISTINCT FROM (OLD.active, OLD.restore_found_at IS NULL) THEN
        NEW.suspension_seq := OLD.suspension_seq + 1;
    END IF;
    IF NEW.suspension_seq <> OLD.suspension_seq THEN
        PERFORM pg_notify('mailproxy_wake', 'suspension');
    END IF;
    RETURN NEW;
END $$;
