-- find_roles: which group roles are there still to be made, and may this login make them?
-- $1 text[] their names
-- Rows: one: text those that do not exist, comma-separated, empty: none; boolean whether the login may create roles.
-- Called by: migrate_make_roles() in common/migrate.c.
SELECT coalesce((SELECT string_agg(n.name, ', ' ORDER BY n.place)
                   FROM unnest($1::text[]) WITH ORDINALITY AS n (name, place)
                  WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = n.name)), ''),
       has_schema_privilege('mailproxy', 'USAGE')
       AND (SELECT u.rolsuper OR u.rolcreaterole FROM pg_roles u WHERE u.rolname = current_user);
