-- make_roles: the group roles that are not there yet.
-- Roles belong to the cluster: another database's mailproxy may make the same ones at the same time.
CREATE OR REPLACE FUNCTION mailproxy.make_roles(roles text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role      text;
    statement text;
BEGIN
    FOREACH role IN ARRAY roles LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            CONTINUE;
        END;
        FOR statement IN SELECT format(g.text, role)
                           FROM (VALUES ('%\_dba', 'GRANT pg_read_all_stats TO %I'), -- who holds back a vacuum
                                        ('%\_server', 'ALTER ROLE %I BYPASSRLS'), -- or it plans without statistics of enums
                                        ('%\_worker', 'ALTER ROLE %I BYPASSRLS')) AS g (name, text)
                          WHERE role LIKE g.name LOOP
            BEGIN
                EXECUTE statement;
            EXCEPTION WHEN insufficient_privilege THEN
                NULL; -- it works without, not quite as well
            END;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION mailproxy.make_roles(text[]) IS 'Create those of these roles that do not exist, without login and without any right in this schema; who calls may create roles.';
