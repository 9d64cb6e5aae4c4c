-- 0027_fewer_index_entries: what a message costs by itself, in index entries and checks that nothing needed.
-- Builds an index of event and one of attempt anew: nobody writes to them for that time, some seconds for 1,000,000 messages.

-- Both rows of a message are stored by one statement, so that looking for the one again for the other, and locking it, found nothing to
-- refuse. What the foreign key did beside that: the work goes with its message.
CREATE FUNCTION mailproxy.message_remove_work() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
    DELETE FROM mailproxy.queue q WHERE q.message_pk = ANY (ARRAY(SELECT g.message_pk FROM gone g));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION mailproxy.message_remove_work() IS 'The work of messages that are deleted goes with them, as ON DELETE CASCADE would do it, which is checked for each row that is inserted.';
REVOKE EXECUTE ON FUNCTION mailproxy.message_remove_work() FROM PUBLIC;
CREATE TRIGGER message_remove_work AFTER DELETE ON mailproxy.message
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.message_remove_work();
ALTER TABLE mailproxy.queue DROP CONSTRAINT queue_message_pk_fkey;
COMMENT ON COLUMN mailproxy.queue.message_pk IS 'The message, stored by the same statement; deleted with it (message_remove_work).';

-- Nothing is ever looked for by event_pk or attempt_pk alone.
ALTER TABLE mailproxy.event DROP CONSTRAINT event_pkey, ADD CONSTRAINT event_pkey PRIMARY KEY (message_pk, event_pk, created_at);
DROP INDEX mailproxy.event_by_message;
ALTER TABLE mailproxy.attempt DROP CONSTRAINT attempt_pkey, ADD CONSTRAINT attempt_pkey PRIMARY KEY (message_pk, attempt_pk, ended_at);
DROP INDEX mailproxy.attempt_by_message;
