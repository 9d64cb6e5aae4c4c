-- load_events: the oldest events a tenant has not been told of, those of one message side by side.
-- $1 text tenant_id  $2 integer how many at most
-- Rows: event_pk, created_at in microseconds since the epoch, event_type, event_at in seconds since the epoch,
--       description, metadata, message_id (null: the message was deleted), account_id, priority.
-- Order: messages by their oldest event here, then events.
-- Locks: none.
-- Plan: index event_unreported of each partition, merged, up to the limit; then primary key of message.
-- Called by: call_load() in worker/report/call.c.
WITH oldest AS MATERIALIZED (
    SELECT e.event_pk, e.created_at, e.event_type, e.event_at, e.description, e.metadata, e.message_pk,
           min(e.event_pk) OVER (PARTITION BY e.message_pk) AS first_pk
      FROM (SELECT * FROM mailproxy.event
             WHERE tenant_id = $1::text AND reported_at IS NULL
             ORDER BY event_pk
             LIMIT $2::integer) e)
SELECT o.event_pk, (extract(epoch FROM o.created_at) * 1000000)::bigint, o.event_type,
       floor(extract(epoch FROM o.event_at))::bigint, o.description, o.metadata, m.message_id, m.account_id, m.priority
  FROM oldest o
       LEFT JOIN mailproxy.message m ON m.message_pk = o.message_pk
 ORDER BY o.first_pk, o.event_pk;
