-- intake_share_tenants: the statement by which the API does it, for functions.
CREATE OR REPLACE FUNCTION mailproxy.intake_share_tenants(text[]) RETURNS SETOF text
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
\ir ../statements/intake/share_tenants.sql
END $$;
COMMENT ON FUNCTION mailproxy.intake_share_tenants(text[]) IS 'Nothing of these tenants is suspended or activated until the transaction ends.';
