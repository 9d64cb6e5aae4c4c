-- 0013_schema_object: views and functions that are files of their own, installed again whenever they change.
CREATE TABLE mailproxy.schema_object (
    kind         text NOT NULL,
    name         text COLLATE "C" NOT NULL,
    position     integer NOT NULL,
    digest       text NOT NULL,
    grants       text[] NOT NULL DEFAULT '{}',
    installed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name),
    CONSTRAINT schema_object_kind_is_known CHECK (kind IN ('function', 'view'))
);
COMMENT ON TABLE mailproxy.schema_object IS 'The views and functions that `mailproxy-server migrate` installed after the migrations, and which form of them.';
COMMENT ON COLUMN mailproxy.schema_object.position IS 'The order they are installed in: each after what it needs.';
COMMENT ON COLUMN mailproxy.schema_object.digest IS 'SHA-256 of its file, in hexadecimal; empty: it is to be installed again.';
COMMENT ON COLUMN mailproxy.schema_object.grants IS 'GRANT statements to be run again once it is back.';

CREATE FUNCTION mailproxy.drop_object(of_kind text, of_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    granted text[];
BEGIN
    SELECT array_agg(format('GRANT %s ON %s mailproxy.%I TO %s%s', a.privilege_type,
                            CASE of_kind WHEN 'view' THEN 'TABLE' ELSE 'ROUTINE' END, of_name, a.grantee::regrole,
                            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END))
      INTO granted
      FROM (SELECT c.relowner AS owner, c.relacl AS acl FROM pg_class c
             WHERE of_kind = 'view' AND c.relnamespace = 'mailproxy'::regnamespace AND c.relname = of_name
             UNION ALL
            SELECT p.proowner, p.proacl FROM pg_proc p
             WHERE of_kind = 'function' AND p.pronamespace = 'mailproxy'::regnamespace AND p.proname = of_name) o
     CROSS JOIN LATERAL aclexplode(o.acl) a
     WHERE a.grantee NOT IN (0, o.owner); -- what PUBLIC may do is the file's to say
    UPDATE mailproxy.schema_object o
       SET digest = '', grants = coalesce(granted, o.grants)
     WHERE o.kind = of_kind AND o.name = of_name;
    EXECUTE format('DROP %s IF EXISTS mailproxy.%I', CASE of_kind WHEN 'view' THEN 'VIEW' ELSE 'ROUTINE' END, of_name);
END $$;
COMMENT ON FUNCTION mailproxy.drop_object(text, text) IS 'Drop a view or function that is installed after the migrations, and keep what was granted on it to be granted again.';

CREATE FUNCTION mailproxy.drop_views() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_name text;
BEGIN
    FOR view_name IN SELECT o.name FROM mailproxy.schema_object o WHERE o.kind = 'view' ORDER BY o.position DESC LOOP
        BEGIN
            PERFORM mailproxy.drop_object('view', view_name);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            NULL; -- somebody made a view upon it: it will be replaced where it stands
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION mailproxy.drop_views() IS 'Run before each migration, which then may change any column; install_objects() brings the views back.';

CREATE FUNCTION mailproxy.install_objects(kinds text[], names text[], digests text[], texts text[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    object    record;
    statement text;
    installed integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(kinds, names, digests) AS u (kind, name, digest)
                     FULL JOIN mailproxy.schema_object o ON o.kind = u.kind AND o.name = u.name
                    WHERE o.digest IS DISTINCT FROM u.digest) THEN
        RETURN 0;
    END IF;
    PERFORM mailproxy.drop_views();
    FOR object IN SELECT o.kind, o.name, u.name IS NULL AS has_left
                    FROM mailproxy.schema_object o
                    LEFT JOIN unnest(kinds, names, digests) AS u (kind, name, digest) ON u.kind = o.kind AND u.name = o.name
                   WHERE u.name IS NULL OR (o.kind = 'function' AND u.digest <> o.digest)
                   ORDER BY o.position DESC LOOP
        BEGIN
            PERFORM mailproxy.drop_object(object.kind, object.name);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            IF object.has_left THEN
                RAISE;
            END IF;
        END;
        DELETE FROM mailproxy.schema_object o WHERE object.has_left AND o.kind = object.kind AND o.name = object.name;
    END LOOP;
    FOR object IN SELECT u.kind, u.name, u.digest, u.text, u.position
                    FROM unnest(kinds, names, digests, texts) WITH ORDINALITY AS u (kind, name, digest, text, position)
                    LEFT JOIN mailproxy.schema_object o ON o.kind = u.kind AND o.name = u.name
                   WHERE u.kind = 'view' OR o.digest IS DISTINCT FROM u.digest
                   ORDER BY u.position LOOP
        BEGIN
            EXECUTE object.text;
        EXCEPTION WHEN OTHERS THEN
            RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('%s %s: %s', object.kind, object.name, SQLERRM);
        END;
        IF (SELECT count(*) FROM pg_proc p
             WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.proname = object.name) <> (object.kind = 'function')::integer THEN
            RAISE EXCEPTION 'something depends on the old form of function %, which has other parameters', object.name;
        END IF;
        FOREACH statement IN ARRAY coalesce((SELECT o.grants FROM mailproxy.schema_object o
                                              WHERE o.kind = object.kind AND o.name = object.name), '{}') LOOP
            EXECUTE statement;
        END LOOP;
        INSERT INTO mailproxy.schema_object (kind, name, position, digest)
        VALUES (object.kind, object.name, object.position, object.digest)
        ON CONFLICT (kind, name) DO UPDATE
           SET position = excluded.position, digest = excluded.digest, grants = '{}', installed_at = now();
        installed := installed + 1;
    END LOOP;
    RETURN greatest(installed, 1);
END $$;
COMMENT ON FUNCTION mailproxy.install_objects(text[], text[], text[], text[]) IS 'Install these views and functions in this order, drop those that are no longer among them; returns how many were installed, 0 when all were there already. What other roles were granted stays granted.';
