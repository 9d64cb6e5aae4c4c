-- switch_instance: suspend or activate the whole service, as far as it has no tenant but `default`.
-- $1 boolean active
-- Rows: whether there are other tenants: nothing was changed.
-- Locks: the instance's row. A trigger on it makes the workers follow.
-- Called by: batches_run_switch() in server/routes/batches.c.
WITH others AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM mailproxy.tenant t WHERE t.tenant_id <> 'default') AS exist),
switched AS (
    UPDATE mailproxy.instance i
       SET active = $1::boolean, updated_at = now()
      FROM others o
     WHERE NOT o.exist AND i.active <> $1::boolean)
SELECT o.exist
  FROM others o;
