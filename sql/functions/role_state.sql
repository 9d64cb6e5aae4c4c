-- role_state: all that the grants to these roles depend on, and what was granted, as one digest.
CREATE OR REPLACE FUNCTION mailproxy.role_state(roles text[], texts text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(concat_ws(E'\n', texts::text,
                (SELECT string_agg(r.oid::text, ' ' ORDER BY r.rolname) FROM pg_roles r WHERE r.rolname = ANY (roles)),
                (SELECT n.nspacl::text FROM pg_namespace n WHERE n.nspname = 'mailproxy'),
                (SELECT string_agg(concat_ws(' ', c.relname, c.relkind, c.relrowsecurity, c.relacl::text), E'\n' ORDER BY c.relname)
                   FROM pg_class c
                  WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition),
                (SELECT string_agg(concat_ws(' ', c.relname, a.attname, a.attacl::text), E'\n' ORDER BY c.relname, a.attnum)
                   FROM pg_class c
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition),
                (SELECT string_agg(concat_ws(' ', p.oid::regprocedure, p.prosecdef, p.proacl::text), E'\n' ORDER BY p.oid)
                   FROM pg_proc p
                  WHERE p.pronamespace = 'mailproxy'::regnamespace),
                (SELECT string_agg(concat_ws(' ', l.polrelid::regclass, l.polname, l.polroles::text), E'\n' ORDER BY l.polrelid, l.polname)
                   FROM pg_policy l
                   JOIN pg_class c ON c.oid = l.polrelid
                  WHERE c.relnamespace = 'mailproxy'::regnamespace)))
$$;
COMMENT ON FUNCTION mailproxy.role_state(text[], text[]) IS 'Another digest than that of role_grant: grant_roles() has something to do. Partitions have no part in it.';
