-- intake_insert_attachments: the statement by which the API does it, for functions.
CREATE OR REPLACE FUNCTION mailproxy.intake_insert_attachments(bigint[], integer[], bytea[]) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
\ir ../statements/intake/insert_attachments.sql
END $$;
COMMENT ON FUNCTION mailproxy.intake_insert_attachments(bigint[], integer[], bytea[]) IS 'Store the octets of attachments of messages enqueued in this transaction (message_pk, ordinal, content).';
