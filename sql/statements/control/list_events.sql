-- list_events: what happened to the messages of one page.
-- $1 bigint[] message_pk
-- Rows: message_pk, event_pk, event_type, event_ts, description, metadata, reported_ts, in order of events.
-- Locks: none.
-- Plan: index event_by_message of each partition.
-- Called by: messages_read_page() in server/routes/listing.c.
SELECT e.message_pk, e.event_pk, e.event_type, floor(extract(epoch FROM e.event_at))::bigint, e.description, e.metadata,
       floor(extract(epoch FROM e.reported_at))::bigint
  FROM mailproxy.event e
 WHERE e.message_pk = ANY ($1::bigint[])
 ORDER BY e.event_pk;
