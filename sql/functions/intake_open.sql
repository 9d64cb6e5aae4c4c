-- intake_open: of these drafts, those that are still to be stored.
CREATE OR REPLACE FUNCTION mailproxy.intake_open(drafts mailproxy.draft[]) RETURNS SETOF mailproxy.draft
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.* FROM unnest(drafts) AS d WHERE d.reason IS NULL AND NOT d.superseded AND d.message_pk IS NULL;
END;
COMMENT ON FUNCTION mailproxy.intake_open(mailproxy.draft[]) IS 'Of these drafts, those that are neither rejected nor superseded nor stored.';
