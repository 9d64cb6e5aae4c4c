-- activate_tenant: let a tenant, or one batch of it, go on. A trigger on tenant makes the queue and the workers follow.
-- $1 text tenant_id  $2 text batch_code, null: all that is suspended
-- Rows: what is still suspended as JSON, sorted. None: no such tenant, or a single batch of one that is suspended as a whole.
-- Locks: the tenant's row, then its held queue rows, then the instance's row; waits for transactions that store messages
--        with a batch code, or hand some back, in this tenant.
-- Plan: primary keys; in the trigger, index queue_held.
-- Called by: batches_run() in server/routes/batches.c.
WITH found AS MATERIALIZED (
    SELECT t.tenant_id,
           CASE WHEN $2::text IS NOT NULL
                THEN ARRAY(SELECT code FROM unnest(t.suspended_batches) AS s (code)
                            WHERE code <> $2::text
                            ORDER BY code COLLATE "C")
                ELSE '{}' END AS codes
      FROM mailproxy.tenant t
     WHERE t.tenant_id = $1::text AND ($2::text IS NULL OR '*' <> ALL (t.suspended_batches))
       FOR NO KEY UPDATE),
changed AS (
    UPDATE mailproxy.tenant t
       SET suspended_batches = f.codes
      FROM found f
     WHERE t.tenant_id = f.tenant_id AND t.suspended_batches <> f.codes)
SELECT array_to_json(f.codes)
  FROM found f;
