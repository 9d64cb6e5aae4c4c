-- list_sync_status: where the conversation with each tenant stands, by id.
-- $1 integer polling interval while no rules are stored, seconds  $2 text time zone of the rules
-- $3 boolean tenant `default` can be called without a base URL of its own
-- Rows: tenant_id (null: there is no tenant at all), name, active, client_base_url, last sync in seconds since the epoch with
--       a fraction, whether it is to be called now, whether it asked not to be disturbed, the polling interval (null: no polling).
-- Locks: none.
-- Plan: one pass over tenant and tenant_sync, which have a row for each tenant.
-- Called by: sync_status_get() in server/routes/sync_status.c.
WITH polling AS MATERIALIZED (SELECT mailproxy.polling_interval($1::integer, $2::text) AS interval_s)
SELECT t.tenant_id, t.name, t.active, t.client_base_url, round(extract(epoch FROM s.last_sync_at), 3),
       mailproxy.sync_is_due(s, t.active, p.interval_s)
           AND (t.client_base_url IS NOT NULL OR (t.tenant_id = 'default' AND $3::boolean))
           AND (SELECT i.active FROM mailproxy.instance i WHERE i.instance_id = 1),
       coalesce(s.last_sync_at > now(), false), p.interval_s
  FROM polling p
       LEFT JOIN (mailproxy.tenant t JOIN mailproxy.tenant_sync s USING (tenant_id)) ON true
 ORDER BY t.tenant_id;
