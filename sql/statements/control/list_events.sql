-- list_events: what happened to the messages of one page.
-- $1 bigint[] message_pk  $2 bigint when the first of them was accepted, microseconds since the epoch: no event is older
-- Rows: message_pk, event_pk, event_type, event_ts, description, metadata, reported_ts, by message and in order of events.
-- Locks: none.
-- Plan: index event_pkey of each partition from $2's day on.
-- Called by: listing_page_read_events() in server/routes/listing_page.c.
SELECT e.message_pk, e.event_pk, e.event_type, floor(extract(epoch FROM e.event_at))::bigint, e.description, e.metadata,
       floor(extract(epoch FROM e.reported_at))::bigint
  FROM mailproxy.event e
 WHERE e.message_pk = ANY ($1::bigint[])
   AND e.created_at >= 'epoch'::timestamptz + $2::bigint * interval '1 microsecond'
 ORDER BY e.message_pk, e.event_pk;
