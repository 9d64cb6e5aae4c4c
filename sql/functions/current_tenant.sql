-- current_tenant: which tenant is the role that calls?
-- Not current_user: the functions that ask run with their owner's rights. The role is the one of SET ROLE, else the one
-- that logged in; PostgreSQL sets both only after it has checked that the session may be that role.
CREATE OR REPLACE FUNCTION mailproxy.current_tenant() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    found  text;
BEGIN
    SELECT t.tenant_id INTO found FROM mailproxy.tenant t WHERE t.login_role = caller;
    IF found IS NULL AND NOT has_table_privilege(caller, 'mailproxy.message', 'INSERT') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role %I belongs to no tenant', caller),
            HINT = format('UPDATE mailproxy.tenant SET login_role = %L WHERE tenant_id = ...', caller);
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION mailproxy.current_tenant() IS 'The tenant whose login_role the caller is (the role of SET ROLE, else of the login); null: any, for who may write mailproxy.message anyway: superusers, its owner, roles with INSERT on it. Any other role: insufficient_privilege.';
