-- find_message_tenants: where messages named without a tenant are: in the one tenant that has the id, else in `default`.
-- $1 text[] message ids, repeated ones count once
-- Rows: message_id, tenant_id; one for each id.
-- Locks: none.
-- Plan: message_id_is_unique_in_its_tenant, once for each tenant and id: for the admin token only.
-- Called by: messages_delete() in server/routes/messages.c.
SELECT i.message_id, CASE WHEN count(m.tenant_id) = 1 THEN min(m.tenant_id) ELSE 'default' END
  FROM (SELECT DISTINCT u.message_id FROM unnest($1::text[]) AS u (message_id)) i
       CROSS JOIN mailproxy.tenant t
       LEFT JOIN LATERAL (SELECT g.tenant_id
                            FROM mailproxy.message g
                           WHERE g.tenant_id = t.tenant_id AND g.message_id = i.message_id COLLATE "C"
                           LIMIT 1) m ON true -- one by one: a hash of all messages is what a plain join may choose
 GROUP BY i.message_id;
