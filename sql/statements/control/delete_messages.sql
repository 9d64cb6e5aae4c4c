-- delete_messages: remove messages, but those that a worker is sending at this moment.
-- $1 text[] tenant ids  $2 text[] message ids; pairs, repeated ones count once
-- Rows: tenant_id, message_id, verdict (removed, busy, not_found), by tenant_id and message_id.
-- Locks: the queue rows, then the message rows; waits for a claim or a record under way.
-- Plan: message_id_is_unique_in_its_tenant; primary keys. What was found and what is leased is asked of hashes ("IS TRUE"
--       keeps the planner from comparing the lists row by row).
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
    SELECT m.message_pk, m.created_at, m.tenant_id, m.message_id,
           (m.message_pk IN (SELECT k.message_pk FROM work k WHERE k.state = 'leased')) IS TRUE AS leased
      FROM wanted w
           JOIN mailproxy.message m USING (tenant_id, message_id)
     WHERE (SELECT count(*) FROM work) >= 0 -- first
     ORDER BY m.message_pk
       FOR UPDATE OF m),
removed AS (
    DELETE FROM mailproxy.message m
     USING old o
     WHERE m.message_pk = o.message_pk AND NOT o.leased),
body AS (
    DELETE FROM mailproxy.message_body b
     USING old o
     WHERE b.message_pk = o.message_pk AND b.created_at = o.created_at AND NOT o.leased),
attachment AS (
    DELETE FROM mailproxy.message_attachment c
     USING old o
     WHERE c.message_pk = o.message_pk AND c.created_at = o.created_at AND NOT o.leased),
event AS (
    DELETE FROM mailproxy.event e
     USING old o
     WHERE e.message_pk = o.message_pk AND e.created_at >= o.created_at AND NOT o.leased)
SELECT w.tenant_id, w.message_id,
       CASE WHEN ((w.tenant_id, w.message_id) IN (SELECT o.tenant_id, o.message_id FROM old o WHERE o.leased)) IS TRUE THEN 'busy'
            WHEN ((w.tenant_id, w.message_id) IN (SELECT o.tenant_id, o.message_id FROM old o)) IS TRUE THEN 'removed'
            ELSE 'not_found' END
  FROM wanted w
 ORDER BY w.tenant_id, w.message_id;
