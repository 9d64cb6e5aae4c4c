-- suspend_tenant: suspend a tenant, or one batch of it. A trigger on tenant makes the queue and the workers follow.
-- $1 text tenant_id  $2 text batch_code, null: the whole tenant  $3 integer batches that may be suspended at once
-- Rows: what is suspended now as JSON, sorted; whether this would have been a batch too many: nothing was changed. None: no
--       such tenant. A batch of a tenant that is suspended as a whole changes nothing.
-- Locks: the tenant's row, then the batch's waiting queue rows, then the instance's row; waits for transactions that store
--        messages with a batch code, or hand some back, in this tenant.
-- Plan: primary keys; in the trigger, index message_by_batch.
-- Called by: batches_run() in server/routes/batches.c.
WITH found AS MATERIALIZED (
    SELECT t.tenant_id,
           CASE WHEN $2::text IS NULL OR '*' = ANY (t.suspended_batches) THEN ARRAY['*']
                ELSE ARRAY(SELECT DISTINCT code COLLATE "C"
                             FROM unnest(t.suspended_batches || $2::text) AS s (code)
                            ORDER BY 1) END AS codes
      FROM mailproxy.tenant t
     WHERE t.tenant_id = $1::text
       FOR NO KEY UPDATE),
changed AS (
    UPDATE mailproxy.tenant t
       SET suspended_batches = f.codes
      FROM found f
     WHERE t.tenant_id = f.tenant_id AND t.suspended_batches <> f.codes AND cardinality(f.codes) <= $3::integer)
SELECT array_to_json(f.codes), cardinality(f.codes) > $3::integer
  FROM found f;
