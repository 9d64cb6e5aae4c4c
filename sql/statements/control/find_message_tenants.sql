-- find_message_tenants: where messages named without a tenant are: in the one tenant that has the id, else in `default`.
-- $1 text[] message ids
-- Rows: message_id, tenant_id; one for each id.
-- Locks: none.
-- Plan: message_id_is_unique_in_its_tenant, once for each tenant and id.
-- Called by: messages_delete() in server/routes/messages.c.
SELECT i.message_id, CASE WHEN count(m.tenant_id) = 1 THEN min(m.tenant_id) ELSE 'default' END
  FROM unnest($1::text[]) AS i (message_id)
       CROSS JOIN mailproxy.tenant t
       LEFT JOIN mailproxy.message m ON m.tenant_id = t.tenant_id AND m.message_id = i.message_id COLLATE "C"
 GROUP BY i.message_id;
