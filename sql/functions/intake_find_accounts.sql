-- intake_find_accounts: the statement by which the API does it, for functions.
CREATE OR REPLACE FUNCTION mailproxy.intake_find_accounts(text[], text[]) RETURNS TABLE (place bigint, tenant_id text, is_pec boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
\ir ../statements/intake/find_accounts.sql
END $$;
COMMENT ON FUNCTION mailproxy.intake_find_accounts(text[], text[]) IS 'Which of these accounts (tenant ids, null where none is named; account ids) exist: place in the arrays from 1.';
