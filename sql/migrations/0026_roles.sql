-- 0026_roles: what the group roles need that grants cannot give them.
CREATE TABLE mailproxy.role_grant (
    prefix     text COLLATE "C" PRIMARY KEY,
    digest     text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mailproxy.role_grant IS 'What `mailproxy-server migrate` last granted to the group roles whose names begin so.';
COMMENT ON COLUMN mailproxy.role_grant.digest IS 'Of all that may be granted, and what was (mailproxy.role_state()); another one: it is to be granted again.';

-- Partitions belong to the owner of their parent, whoever makes them, and nobody else may drop or read one by itself.
ALTER FUNCTION mailproxy.create_partitions(integer) SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION mailproxy.create_partitions(integer) FROM PUBLIC;
ALTER FUNCTION mailproxy.drop_old_partition(bigint, bigint) SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION mailproxy.drop_old_partition(bigint, bigint) FROM PUBLIC;
CREATE OR REPLACE FUNCTION mailproxy.partition_holds(partition regclass) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    holds boolean;
BEGIN
    -- What else it might be, such as a view of the caller's, would run with the owner's rights.
    IF NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
                    WHERE i.inhrelid = partition AND c.relnamespace = 'mailproxy'::regnamespace) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM mailproxy.queue q
                                    WHERE q.message_pk BETWEEN (SELECT min(p.message_pk) FROM %1$s p) AND (SELECT max(p.message_pk) FROM %1$s p)
                                      AND (SELECT true FROM %1$s p WHERE p.message_pk = q.message_pk LIMIT 1))', partition) INTO holds;
    IF holds THEN
        RETURN 'unsent';
    ELSIF EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = partition AND i.inhparent = 'mailproxy.event'::regclass) THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s p WHERE p.reported_at IS NULL)', partition) INTO holds;
        RETURN CASE WHEN holds THEN 'unreported' END;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION mailproxy.partition_holds(regclass) FROM PUBLIC;

-- What follows from a change follows from it whoever may make that change.
ALTER FUNCTION mailproxy.tenant_apply_suspension() SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION mailproxy.tenant_apply_suspension() FROM PUBLIC;
ALTER FUNCTION mailproxy.recheck_limits() SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION mailproxy.recheck_limits() FROM PUBLIC;

-- As before, but its names are looked up here and now rather than by the search_path of whoever calls.
CREATE OR REPLACE FUNCTION mailproxy.sync_is_due(sync mailproxy.tenant_sync, tenant_active boolean, interval_s bigint) RETURNS boolean
LANGUAGE sql STABLE
RETURN (sync.retry_at IS NULL OR sync.retry_at <= now())
   AND (sync.news_seq > sync.told_seq
        OR coalesce(tenant_active AND coalesce(sync.last_sync_at, '-infinity') <= now() - make_interval(secs => interval_s),
                    false));
