-- replace_messages: make room for messages whose id is taken, where the one that has it was not sent.
-- $1 text[] tenant_id  $2 text[] message_id  $3 text[] account_id of those to come
-- Rows: place in the arrays from 1, verdict: sent or leased (it stays), or replaced (it is gone with all it had).
--       None for an id that is not taken (any more).
-- Locks: shares the accounts, then the queue rows, then the message rows, each in order, as whoever deletes an account
--        does: neither waits for the other in a circle; waits for a claim or a record under way and sees its result.
-- Plan: message_id_is_unique_in_its_tenant; primary keys.
-- Called by: insert_replace() in server/intake/insert.c.
WITH wanted AS MATERIALIZED (
    SELECT w.place, w.tenant_id COLLATE "C" AS tenant_id, w.message_id COLLATE "C" AS message_id
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (tenant_id, message_id, place)),
account AS MATERIALIZED (
    SELECT a.account_id
      FROM mailproxy.account a
     WHERE (a.tenant_id, a.account_id) IN (SELECT w.tenant_id, w.account_id
                                             FROM unnest($1::text[], $3::text[]) AS w (tenant_id, account_id))
     ORDER BY a.tenant_id, a.account_id
       FOR KEY SHARE),
work AS MATERIALIZED (
    SELECT q.message_pk, q.state
      FROM mailproxy.queue q
     WHERE (SELECT count(*) FROM account) >= 0 -- first
       AND q.message_pk = ANY (ARRAY (SELECT m.message_pk FROM wanted w JOIN mailproxy.message m USING (tenant_id, message_id)))
     ORDER BY q.message_pk
       FOR UPDATE),
old AS MATERIALIZED (
    SELECT w.place, m.message_pk, m.created_at, m.state,
           (m.message_pk IN (SELECT k.message_pk FROM work k WHERE k.state = 'leased')) IS TRUE AS leased -- a hash, not a join
      FROM wanted w
           JOIN mailproxy.message m USING (tenant_id, message_id)
     WHERE (SELECT count(*) FROM work) >= 0 -- first
     ORDER BY m.message_pk
       FOR UPDATE OF m),
judged AS MATERIALIZED (
    SELECT o.*, CASE WHEN o.state = 'sent' THEN 'sent' WHEN o.leased THEN 'leased' ELSE 'replaced' END AS verdict
      FROM old o),
removed AS (
    DELETE FROM mailproxy.message m
     USING judged j
     WHERE m.message_pk = j.message_pk AND j.verdict = 'replaced'),
body AS (
    DELETE FROM mailproxy.message_body b
     USING judged j
     WHERE b.message_pk = j.message_pk AND b.created_at = j.created_at AND j.verdict = 'replaced'),
attachment AS (
    DELETE FROM mailproxy.message_attachment c
     USING judged j
     WHERE c.message_pk = j.message_pk AND c.created_at = j.created_at AND j.verdict = 'replaced'),
event AS (
    DELETE FROM mailproxy.event e
     USING judged j
     WHERE e.message_pk = j.message_pk AND e.created_at >= j.created_at AND j.verdict = 'replaced')
SELECT j.place, j.verdict FROM judged j;
