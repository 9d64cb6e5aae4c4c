-- confirm_restore: let mail be sent again after a restore from backup.
CREATE OR REPLACE FUNCTION mailproxy.confirm_restore(dry_run boolean DEFAULT false)
RETURNS TABLE (tenant_id text, account_id text, messages bigint, oldest_at timestamptz, newest_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found mailproxy.instance;
    total bigint := 0;
BEGIN
    SELECT * INTO found FROM mailproxy.instance i FOR UPDATE;
    IF found.restore_found_at IS NULL THEN
        RETURN;
    END IF;
    FOR tenant_id, account_id, messages, oldest_at, newest_at IN
        SELECT q.tenant_id, q.account_id, count(*), min(m.created_at), max(m.created_at)
          FROM mailproxy.queue q
               JOIN mailproxy.message m ON m.message_pk = q.message_pk
         WHERE m.created_at <= found.restore_seen_at
         GROUP BY q.tenant_id, q.account_id
         ORDER BY 1, 2
    LOOP
        total := total + messages;
        RETURN NEXT;
    END LOOP;
    IF dry_run THEN
        RETURN;
    END IF;
    -- What was handed out in the lost time, and may still come back from a worker that held it, is never handed out again.
    PERFORM setval('mailproxy.lease_token_seq', nextval('mailproxy.lease_token_seq') + 1000000);
    UPDATE mailproxy.instance i
       SET epoch = greatest(i.epoch, i.restore_seen_epoch) + 1, restore_found_at = NULL, restore_found_by = NULL,
           restore_seen_at = NULL, restore_seen_epoch = NULL;
    INSERT INTO mailproxy.command_log (endpoint, actor, response_status, payload)
    VALUES ('confirmRestore', session_user, 200,
            json_build_object('seen_at', found.restore_seen_at, 'found_at', found.restore_found_at, 'messages', total));
END $$;
COMMENT ON FUNCTION mailproxy.confirm_restore(boolean) IS 'After a restore from backup: send again. Returns, by account, what waits since before the last moment that was lost: it may have been sent in the lost time, and is sent now. With dry_run it only returns that. Without a restore to be confirmed it does nothing. SELECT * FROM mailproxy.confirm_restore(dry_run => true)';
REVOKE EXECUTE ON FUNCTION mailproxy.confirm_restore(boolean) FROM PUBLIC;
