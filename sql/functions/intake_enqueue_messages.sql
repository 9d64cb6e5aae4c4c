-- intake_enqueue_messages: the statement by which the API does it, for functions.
CREATE OR REPLACE FUNCTION mailproxy.intake_enqueue_messages(
    text[], text[], text[], integer[], integer[], integer[], text[], text[], boolean[], bigint[], json[])
RETURNS TABLE (place bigint, message_pk bigint)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
\ir ../statements/intake/enqueue_messages.sql
END $$;
COMMENT ON FUNCTION mailproxy.intake_enqueue_messages IS 'Store messages and their work; returns those that are stored, not those whose id is taken. Parameters: those of the statement enqueue_messages.';
