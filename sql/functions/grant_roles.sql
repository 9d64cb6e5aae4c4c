-- grant_roles: what each group role may do, brought to what sql/roles says.
-- Needs: role_state
CREATE OR REPLACE FUNCTION mailproxy.grant_roles(prefix text, roles text[], texts text[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    existing CONSTANT regrole[] := ARRAY(SELECT r.oid FROM pg_roles r WHERE r.rolname = ANY (roles));
    statement text;
BEGIN
    IF NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'mailproxy')
       OR EXISTS (SELECT FROM mailproxy.role_grant g
                   WHERE g.prefix = grant_roles.prefix AND g.digest = mailproxy.role_state(roles, texts)) THEN
        RETURN false;
    END IF;
    FOR statement IN
        SELECT format('REVOKE ALL ON SCHEMA mailproxy FROM %s', r)
          FROM unnest(existing) AS r
          JOIN pg_namespace n ON n.nspname = 'mailproxy' AND n.nspowner <> r
         UNION ALL
        SELECT DISTINCT format('REVOKE ALL ON %s %s FROM %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass,
                               a.grantee::regrole)
          FROM pg_class c
          LEFT JOIN pg_attribute k ON k.attrelid = c.oid AND k.attacl IS NOT NULL
         CROSS JOIN LATERAL (SELECT x.grantee FROM aclexplode(c.relacl) x UNION SELECT x.grantee FROM aclexplode(k.attacl) x) a
         WHERE c.relnamespace = 'mailproxy'::regnamespace AND a.grantee = ANY (existing) AND a.grantee <> c.relowner
         UNION ALL
        SELECT DISTINCT format('REVOKE ALL ON ROUTINE %s FROM %s', p.oid::regprocedure, a.grantee::regrole)
          FROM pg_proc p
         CROSS JOIN LATERAL aclexplode(p.proacl) a
         WHERE p.pronamespace = 'mailproxy'::regnamespace AND a.grantee = ANY (existing) AND a.grantee <> p.proowner
         UNION ALL
        SELECT format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', p.oid::regprocedure)
          FROM pg_proc p
         WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prosecdef
         UNION ALL
        SELECT regexp_replace(t.text, '\mmailproxy_(owner|server|worker|dba|tenant)\M', prefix || '_\1', 'g')
          FROM unnest(roles, texts) WITH ORDINALITY AS t (role, text, position)
         WHERE t.role IN (SELECT r.rolname FROM pg_roles r)
    LOOP
        EXECUTE statement;
    END LOOP;
    INSERT INTO mailproxy.role_grant AS g (prefix, digest)
    VALUES (prefix, mailproxy.role_state(roles, texts))
    ON CONFLICT ON CONSTRAINT role_grant_pkey DO UPDATE SET digest = excluded.digest, granted_at = now();
    RETURN true;
END $$;
COMMENT ON FUNCTION mailproxy.grant_roles(text, text[], text[]) IS 'Take from these roles, as far as they exist, what they may do in this schema, and grant them what the texts say, in which mailproxy_ stands for the prefix. False: there was nothing to do, or the caller is not the schema''s owner.';
