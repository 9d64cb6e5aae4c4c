-- find_cleanup: whose messages are to be cleaned up, and what counts as old. Asked once, so that a cleanup that takes
--               long does not reach for messages that grew old meanwhile.
-- $1 text tenant_id, null: all  $2 bigint age in seconds
-- Rows: tenant_id, the second (since the epoch) before which the last report must have been acknowledged.
-- Locks: none.
-- Plan: primary key, or the whole of tenant.
-- Called by: cleanup_find() in server/routes/cleanup.c.
SELECT t.tenant_id, floor(extract(epoch FROM now()))::bigint - $2::bigint
  FROM mailproxy.tenant t
 WHERE $1::text IS NULL OR t.tenant_id = $1::text
 ORDER BY t.tenant_id;
