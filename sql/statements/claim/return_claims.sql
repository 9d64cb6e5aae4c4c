-- return_claims: hand messages back untried, as if they had never been claimed.
-- $1 bigint[] message_pk  $2 bigint[] lease_token
-- Rows: none that matter. A claim whose token is no longer the row's is left alone.
-- Called by: take_return() in worker/claim/take.c.
UPDATE mailproxy.queue q
   SET state = 'ready', lease_token = NULL, lease_epoch = NULL, leased_at = NULL, attempts = greatest(q.attempts - 1, 0)
  FROM unnest($1::bigint[], $2::bigint[]) AS c (message_pk, lease_token)
 WHERE q.message_pk = c.message_pk AND q.lease_token = c.lease_token;
