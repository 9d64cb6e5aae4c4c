-- resume: what was paused goes on.
-- Needs: log_operation, match_messages
-- Locks: the tenant's row or the account's; then, by triggers, the batch's held queue rows and the instance's row.
CREATE OR REPLACE FUNCTION mailproxy.resume(tenant_id text, account_id text DEFAULT NULL, batch_code text DEFAULT NULL,
                                            dry_run boolean DEFAULT false) RETURNS mailproxy.effect
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    done    mailproxy.effect;
    before  text[];
    codes   text[] := '{}';
    changes boolean;
BEGIN
    IF resume.account_id IS NOT NULL AND resume.batch_code IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'name an account or a batch, not both';
    END IF;
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), 0,
           (array_agg(f.message_id ORDER BY f.message_pk) FILTER (WHERE NOT f.leased))[1:5]
      INTO done
      FROM mailproxy.match_messages('{queued}', resume.tenant_id, resume.account_id, resume.batch_code, NULL, NULL) f;
    IF resume.account_id IS NOT NULL THEN
        SELECT a.paused_at IS NOT NULL INTO changes
          FROM mailproxy.account a
         WHERE a.tenant_id = resume.tenant_id AND a.account_id = resume.account_id
           FOR NO KEY UPDATE;
    ELSE
        SELECT t.suspended_batches INTO before FROM mailproxy.tenant t WHERE t.tenant_id = resume.tenant_id FOR NO KEY UPDATE;
        IF resume.batch_code IS NOT NULL THEN
            IF '*' = ANY (before) THEN
                RAISE object_not_in_prerequisite_state USING MESSAGE = format('tenant %L is paused as a whole: resume all of it', resume.tenant_id);
            END IF;
            codes := array_remove(before, resume.batch_code);
        END IF;
        changes := before <> codes;
    END IF;
    IF NOT changes THEN
        RETURN (0, done.busy, 0, NULL)::mailproxy.effect;
    END IF;
    IF NOT dry_run THEN
        IF resume.account_id IS NOT NULL THEN
            UPDATE mailproxy.account a SET paused_at = NULL, paused_reason = NULL
             WHERE a.tenant_id = resume.tenant_id AND a.account_id = resume.account_id;
        ELSE
            UPDATE mailproxy.tenant t SET suspended_batches = codes WHERE t.tenant_id = resume.tenant_id;
        END IF;
        PERFORM mailproxy.log_operation(
            CASE WHEN resume.account_id IS NULL THEN 'activate' ELSE 'resumeAccount' END, resume.tenant_id,
            jsonb_build_object('tenant_id', resume.tenant_id, 'account_id', resume.account_id, 'batch_code', resume.batch_code), done);
    END IF;
    RETURN done;
END $$;
COMMENT ON FUNCTION mailproxy.resume(text, text, text, boolean) IS 'End what mailproxy.pause() began: of one account, of one batch, or of the tenant as a whole with all its batches (its accounts are resumed by themselves). messages: how many wait for it. Not paused: 0 messages. SELECT * FROM mailproxy.resume(''shop'', account_id => ''main'')';
REVOKE EXECUTE ON FUNCTION mailproxy.resume(text, text, text, boolean) FROM PUBLIC;
