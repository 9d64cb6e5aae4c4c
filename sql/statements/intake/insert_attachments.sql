-- insert_attachments: store the octets of attachments that came with messages enqueued in this transaction.
-- $1 bigint[] message_pk  $2 integer[] ordinal  $3 bytea[] content
-- Rows: none.
-- Locks: the new rows. created_at is the transaction's now(), as that of its messages is.
-- Called by: insert_attachments() in server/intake/insert.c.
INSERT INTO mailproxy.message_attachment (message_pk, created_at, ordinal, content)
SELECT a.message_pk, now(), a.ordinal, a.content
  FROM unnest($1::bigint[], $2::integer[], $3::bytea[]) AS a (message_pk, ordinal, content);
