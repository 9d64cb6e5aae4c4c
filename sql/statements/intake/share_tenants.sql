-- share_tenants: nothing of these tenants is suspended or activated until the transaction ends.
-- $1 text[] tenant_id
-- Rows: none that matter.
-- Locks: shares the tenants' rows, in order. A transaction that stores messages with batch codes takes all of them before
--        anything else: whoever suspends locks the tenant, then queue rows, and so does it.
-- Plan: primary key.
-- Called by: insert_share_tenants() in server/intake/insert.c.
SELECT t.tenant_id
  FROM mailproxy.tenant t
 WHERE t.tenant_id = ANY ($1::text[])
 ORDER BY t.tenant_id
   FOR SHARE;
