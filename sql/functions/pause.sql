-- pause: send nothing more of a tenant, of one account of it or of one batch, until it is resumed.
-- Needs: log_operation, match_messages
-- Locks: the tenant's row or the account's; then, by triggers, the batch's waiting queue rows and the instance's row. Waits for
-- transactions that store messages with a batch code of that tenant, or hand some back.
CREATE OR REPLACE FUNCTION mailproxy.pause(tenant_id text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                           reason text DEFAULT NULL, dry_run boolean DEFAULT false) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    done    mailproxy.effect;
    before  text[];
    codes   text[];
    changes boolean;
BEGIN
    IF pause.account_id IS NOT NULL AND pause.batch_code IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'name an account or a batch, not both';
    END IF;
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), 0,
           (array_agg(f.message_id ORDER BY f.message_pk) FILTER (WHERE NOT f.leased))[1:5]
      INTO done
      FROM mailproxy.match_messages('{queued}', pause.tenant_id, pause.account_id, pause.batch_code, NULL, NULL) f;
    IF pause.account_id IS NOT NULL THEN
        SELECT a.paused_at IS NULL OR coalesce(a.paused_reason <> pause.reason, false) INTO changes
          FROM mailproxy.account a
         WHERE a.tenant_id = pause.tenant_id AND a.account_id = pause.account_id
           FOR NO KEY UPDATE;
    ELSE
        SELECT t.suspended_batches INTO before FROM mailproxy.tenant t WHERE t.tenant_id = pause.tenant_id FOR NO KEY UPDATE;
        codes := CASE WHEN pause.batch_code IS NULL OR '*' = ANY (before) THEN '{*}'
                      ELSE ARRAY(SELECT DISTINCT s.code COLLATE "C" FROM unnest(before || pause.batch_code) AS s (code) ORDER BY 1) END;
        changes := before <> codes;
        IF cardinality(codes) > 1000 THEN
            RAISE program_limit_exceeded USING MESSAGE = 'no more than 1000 batches of a tenant may be paused: pause the whole tenant';
        END IF;
    END IF;
    IF NOT changes THEN
        RETURN (0, done.busy, 0, NULL)::mailproxy.effect;
    END IF;
    IF NOT dry_run THEN
        IF pause.account_id IS NOT NULL THEN
            UPDATE mailproxy.account a SET paused_at = coalesce(a.paused_at, now()),
                   paused_reason = coalesce(pause.reason, a.paused_reason, 'by the operator')
             WHERE a.tenant_id = pause.tenant_id AND a.account_id = pause.account_id;
        ELSE
            UPDATE mailproxy.tenant t SET suspended_batches = codes WHERE t.tenant_id = pause.tenant_id;
        END IF;
        PERFORM mailproxy.log_operation(
            CASE WHEN pause.account_id IS NULL THEN 'suspend' ELSE 'pauseAccount' END, pause.tenant_id,
            jsonb_build_object('tenant_id', pause.tenant_id, 'account_id', pause.account_id, 'batch_code', pause.batch_code,
                               'reason', CASE WHEN pause.account_id IS NOT NULL THEN pause.reason END), done);
    END IF;
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.pause(text, text, text, text, boolean) IS 'Send nothing more of a tenant, of one account or of one batch of it, until mailproxy.resume(). What waits goes on waiting (messages: how many), workers hand back what they have not begun; what is on its way to a relay at this moment (among busy) is ended. A tenant and a batch are what POST /commands/suspend suspends; an account''s messages are shown to the tenant as deferred, with the reason. Done already: 0 messages. SELECT * FROM mailproxy.pause(''shop'', account_id => ''main'', reason => ''the relay moves'')';
REVOKE EXECUTE ON FUNCTION mailproxy.pause(text, text, text, text, boolean) FROM PUBLIC;
