-- load_content: the client's JSON of one message, where it was too large to come with the claim.
-- $1 bigint message_pk  $2 bigint created_at of the message, microseconds since the epoch
-- Rows: content. None: its partition is gone.
-- Locks: none.
-- Plan: primary key of one partition of message_body, chosen when the statement starts.
-- Called by: compose_start() in worker/compose/job.c.
SELECT content
  FROM mailproxy.message_body
 WHERE message_pk = $1::bigint
   AND created_at = timestamptz 'epoch' + $2::bigint * interval '1 microsecond';
