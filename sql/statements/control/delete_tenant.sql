-- delete_tenant: a tenant goes, with its accounts, its messages and what it was still to be told.
-- $1 text tenant_id
-- Rows: tenant_id. None: no such tenant.
-- Locks: the tenant's row and, by cascade, those of its accounts, messages and queue. Bodies leave with their partition.
-- Plan: primary key; index event_unreported for the events.
-- Called by: tenants_delete() in server/routes/tenants.c.
WITH untold AS (
    DELETE FROM mailproxy.event e WHERE e.tenant_id = $1::text AND e.reported_at IS NULL)
DELETE FROM mailproxy.tenant t
 WHERE t.tenant_id = $1::text
RETURNING t.tenant_id;
