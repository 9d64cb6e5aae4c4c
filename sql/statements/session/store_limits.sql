-- store_limits: tell mailproxy.send() what this server takes.
-- $1 bigint octets of a message  $2 bigint octets of an attachment  $3 smallint default priority
-- Rows: none.
-- Locks: the instance's row, when something is to be changed.
-- Called by: serve_store_limits() in server/serve.c.
UPDATE mailproxy.instance i
   SET max_message_octets = $1::bigint, max_attachment_octets = $2::bigint, default_priority = $3::smallint
 WHERE i.instance_id = 1
   AND (i.max_message_octets, i.max_attachment_octets, i.default_priority) IS DISTINCT FROM ($1::bigint, $2::bigint, $3::smallint);
