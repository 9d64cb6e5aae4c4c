-- find_message: the message of a tenant that has an id; without a tenant, one of each tenant that has it.
-- $1 text tenant_id, null: all  $2 text message_id
-- Rows: message_pk, tenant_id, created_at in microseconds since the epoch, by tenant_id; at most 500.
-- Locks: none.
-- Plan: message_id_is_unique_in_its_tenant, without a tenant once for each of them: for the admin token only.
-- Called by: message_detail_find() in server/routes/message_detail.c, listing_search_exact() in server/routes/listing_search.c.
SELECT m.message_pk, t.tenant_id, m.created_us
  FROM mailproxy.tenant t
       CROSS JOIN LATERAL (SELECT g.message_pk, (extract(epoch FROM g.created_at) * 1000000)::bigint AS created_us
                             FROM mailproxy.message g
                            WHERE g.tenant_id = t.tenant_id AND g.message_id = $2::text COLLATE "C"
                            LIMIT 1) m -- one by one: a hash of all messages is what a plain join may choose
 WHERE $1::text IS NULL OR t.tenant_id = $1::text
 ORDER BY t.tenant_id
 LIMIT 500;
