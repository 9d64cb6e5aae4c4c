-- load_attachments: the octets of one message's attachments that came with it.
-- $1 bigint message_pk  $2 bigint created_at of the message, microseconds since the epoch
-- Rows (binary): ordinal as text, which reads the same in either format; content.
-- Locks: none.
-- Plan: primary key of one partition of message_attachment, chosen when the statement starts.
-- Called by: compose_start() in worker/compose/job.c.
SELECT ordinal::text, content
  FROM mailproxy.message_attachment
 WHERE message_pk = $1::bigint
   AND created_at = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
 ORDER BY message_attachment.ordinal;
