-- delete_messages: remove messages, but those that a worker is sending at this moment.
-- $1 text[] tenant ids  $2 text[] message ids; pairs, repeated ones count once
-- Rows: tenant_id, message_id, verdict (removed, busy, not_found), by tenant_id and message_id.
-- Locks: the queue rows, then the message rows; waits for a claim or a record under way.
-- Plan: message_id_is_unique_in_its_tenant; primary keys.
-- Called by: messages_remove() in server/routes/messages.c.
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT w.tenant_id COLLATE "C" AS tenant_id, w.message_id COLLATE "C" AS message_id
      FROM unnest($1::text[], $2::text[]) AS w (tenant_id, message_id)),
work AS MATERIALIZED (
    SELECT q.message_pk, q.state
      FROM mailproxy.queue q
     WHERE q.message_pk = ANY (ARRAY (SELECT m.message_pk FROM wanted w JOIN mailproxy.message m USING (tenant_id, message_id)))
     ORDER BY q.message_pk
       FOR UPDATE),
old AS MATERIALIZED (
    SELECT m.message_pk, m.created_at, m.tenant_id, m.message_id, k.state AS work
      FROM wanted w
           JOIN mailproxy.message m USING (tenant_id, message_id)
           LEFT JOIN work k USING (message_pk)
     ORDER BY m.message_pk
       FOR UPDATE OF m),
removed AS (
    DELETE FROM mailproxy.message m
     USING old o
     WHERE m.message_pk = o.message_pk AND o.work IS DISTINCT FROM 'leased'),
body AS (
    DELETE FROM mailproxy.message_body b
     USING old o
     WHERE b.message_pk = o.message_pk AND b.created_at = o.created_at AND o.work IS DISTINCT FROM 'leased'),
attachment AS (
    DELETE FROM mailproxy.message_attachment c
     USING old o
     WHERE c.message_pk = o.message_pk AND c.created_at = o.created_at AND o.work IS DISTINCT FROM 'leased'),
event AS (
    DELETE FROM mailproxy.event e
     USING old o
     WHERE e.message_pk = o.message_pk AND e.created_at >= o.created_at AND o.work IS DISTINCT FROM 'leased')
SELECT w.tenant_id, w.message_id,
       CASE WHEN o.message_pk IS NULL THEN 'not_found' WHEN o.work = 'leased' THEN 'busy' ELSE 'removed' END
  FROM wanted w LEFT JOIN old o USING (tenant_id, message_id)
 ORDER BY w.tenant_id, w.message_id;
