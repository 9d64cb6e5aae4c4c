-- explain_message: what has happened to a message, and why it is not sent yet.
-- $1 text tenant_id  $2 text message_id
-- Rows: sentence, in order; at most 500.
-- Locks: none.
-- Plan: what the functions of the same name ask within; by index.
-- Called by: message_detail_read() in server/routes/message_detail.c.
SELECT e.sentence FROM mailproxy.explain_message($1::text, $2::text) e LIMIT 500;
