-- become_owner: until the transaction ends, be the one who owns the schema, or is to.
-- $1 text what the names of the group roles begin with; null: there are none
-- Rows: the role, when the session's own user is another one and may be that role. None: nothing has changed.
--       Without a schema it is the group role `owner`, where that may create one here; a superuser stays what it is.
-- Called by: migrate_begin() and migrate_grant() in common/migrate.c.
SELECT set_config('role', r.rolname, true)
  FROM pg_roles r
 WHERE r.rolname <> current_user
   AND pg_has_role(r.oid, 'MEMBER')
   AND CASE WHEN to_regnamespace('mailproxy') IS NOT NULL
            THEN r.oid = (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'mailproxy')
            ELSE r.rolname = $1::text || '_owner'
                 AND has_database_privilege(r.oid, current_database(), 'CREATE')
                 AND NOT EXISTS (SELECT FROM pg_roles u WHERE u.rolname = current_user AND u.rolsuper) END;
