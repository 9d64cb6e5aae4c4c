-- cleanup_messages: of the next 1000 messages of a tenant, remove those that are final and long since told.
-- $1 text tenant_id  $2 smallint $3 bigint $4 text the last row looked at: priority, created_at in microseconds since the
-- epoch, message_id; -1, 0 and an empty text at first  $5 bigint the second before which its last report was acknowledged
-- Rows: one: how many were removed, and the last row looked at as $2 to $4 take it; null: there was none, the end.
-- Goes: the message and its events. Its content, attachments and attempts leave with their day's partition. A message
--       without any event was never told and stays, unless it is older than all events there are.
-- Locks: the message rows it removes; one that is locked (somebody deletes or replaces it) is passed by. A final message
--        has no queue row, and what is final is looked at again under the lock.
-- Plan: index message_listing in its order from the last row on; index event_pkey; primary keys.
-- Called by: cleanup_remove() in server/routes/cleanup.c.
WITH page AS MATERIALIZED (
    SELECT m.message_pk, m.priority, m.created_at, m.message_id, m.state, m.finished_at
      FROM mailproxy.message m
     WHERE m.tenant_id = $1::text
       AND (m.priority, m.created_at, m.message_id)
           > ($2::smallint, 'epoch'::timestamptz + $3::bigint * interval '1 microsecond', $4::text)
     ORDER BY m.priority, m.created_at, m.message_id
     LIMIT 1000),
told AS MATERIALIZED (
    SELECT p.message_pk
      FROM page p
           CROSS JOIN LATERAL (
               SELECT bool_and(e.reported_at IS NOT NULL) AS wholly, max(e.reported_at) AS last_at
                 FROM mailproxy.event e
                WHERE e.message_pk = p.message_pk AND e.created_at >= p.created_at) r
     WHERE p.state <> 'queued' AND floor(extract(epoch FROM coalesce(r.last_at, p.finished_at))) < $5::bigint
       AND coalesce(r.wholly, p.finished_at < (SELECT mailproxy.history_begins_at()))),
doomed AS MATERIALIZED (
    SELECT m.message_pk, m.created_at
      FROM mailproxy.message m
     WHERE m.message_pk = ANY (ARRAY (SELECT message_pk FROM told)) AND m.state <> 'queued'
     ORDER BY m.message_pk
       FOR UPDATE SKIP LOCKED),
event AS (
    DELETE FROM mailproxy.event e
     USING doomed d
     WHERE e.message_pk = d.message_pk AND e.created_at >= d.created_at),
removed AS (
    DELETE FROM mailproxy.message m
     USING doomed d
     WHERE m.message_pk = d.message_pk)
SELECT (SELECT count(*) FROM doomed), l.priority, (extract(epoch FROM l.created_at) * 1000000)::bigint, l.message_id
  FROM (SELECT 1) one
       LEFT JOIN (SELECT * FROM page ORDER BY priority DESC, created_at DESC, message_id DESC LIMIT 1) l ON true;
