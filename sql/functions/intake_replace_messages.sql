-- intake_replace_messages: the statement by which the API does it, for functions.
CREATE OR REPLACE FUNCTION mailproxy.intake_replace_messages(text[], text[], text[]) RETURNS TABLE (place bigint, verdict text)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
\ir ../statements/intake/replace_messages.sql
END $$;
COMMENT ON FUNCTION mailproxy.intake_replace_messages(text[], text[], text[]) IS 'Make room for messages whose id is taken (tenant ids, message ids, account ids): sent or leased stay, replaced are gone.';
