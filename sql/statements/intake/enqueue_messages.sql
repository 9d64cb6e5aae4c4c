-- enqueue_messages: store messages, their contents and their work.
-- $1 text[] tenant_id  $2 text[] message_id  $3 text[] account_id  $4 integer[] priority  $5 integer[] size_octets
-- $6 integer[] attachments  $7 text[] batch_code  $8 text[] mime_message_id  $9 boolean[] is_pec
-- $10 bigint[] not before, seconds since the epoch  $11 json[] content
-- Rows: place in the arrays from 1, message_pk. None for a message whose id its tenant has already: it is not stored.
-- Locks: shares the rows of tenants with a batch code here, so that suspending a batch waits for this transaction and then
--        sees its messages; then the new rows, in the order of their ids. Waits for another one that stores the same id.
-- Plan: message_id_is_unique_in_its_tenant for conflicts; joins by message_pk alone.
-- Called by: insert_enqueue() in server/intake/insert.c.
WITH draft AS MATERIALIZED (
    SELECT nextval('mailproxy.message_pk_seq') AS message_pk, d.*
      FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::text[],
                  $8::text[], $9::boolean[], $10::bigint[], $11::json[])
           WITH ORDINALITY AS d (tenant_id, message_id, account_id, priority, size_octets, attachments, batch_code,
                                 mime_message_id, is_pec, due_s, content, place)),
suspended AS MATERIALIZED (
    SELECT t.tenant_id, t.suspended_batches
      FROM mailproxy.tenant t
     WHERE t.tenant_id = ANY (ARRAY (SELECT DISTINCT d.tenant_id FROM draft d WHERE d.batch_code IS NOT NULL))
     ORDER BY t.tenant_id
       FOR SHARE),
stored AS (
    INSERT INTO mailproxy.message (message_pk, tenant_id, message_id, account_id, priority, size_octets, attachments,
                                   batch_code, mime_message_id, is_pec)
    SELECT d.message_pk, d.tenant_id, d.message_id, d.account_id, d.priority, d.size_octets, d.attachments,
           d.batch_code, d.mime_message_id, d.is_pec
      FROM draft d
     WHERE (SELECT count(*) FROM suspended) >= 0 -- first
     ORDER BY d.tenant_id COLLATE "C", d.message_id COLLATE "C" -- requests that share ids wait for each other, not in a circle
    ON CONFLICT (tenant_id, message_id) DO NOTHING
    RETURNING message_pk, created_at),
body AS (
    INSERT INTO mailproxy.message_body (message_pk, created_at, content)
    SELECT s.message_pk, s.created_at, d.content
      FROM stored s JOIN draft d USING (message_pk)),
work AS (
    INSERT INTO mailproxy.queue (message_pk, due_at, priority, state, tenant_id, account_id)
    SELECT s.message_pk, greatest(to_timestamp(d.due_s), now()), d.priority,
           CASE WHEN d.batch_code = ANY (u.suspended_batches) THEN 'held'
                WHEN to_timestamp(d.due_s) > now() THEN 'scheduled'
                ELSE 'ready' END::mailproxy.queue_state,
           d.tenant_id, d.account_id
      FROM stored s
           JOIN draft d USING (message_pk)
           LEFT JOIN suspended u ON u.tenant_id = d.tenant_id AND d.batch_code IS NOT NULL)
SELECT d.place, s.message_pk
  FROM stored s JOIN draft d USING (message_pk);
