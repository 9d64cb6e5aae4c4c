-- count_pending: how many messages of a tenant, or of one batch of it, are not sent yet.
-- $1 text tenant_id  $2 text batch_code, null: all of the tenant's
-- Rows: one number.
-- Locks: none.
-- Plan: a tenant: an index of each state a queue row can have; of the leased ones, which no index has by tenant, there are
--       never more than the workers hold. A batch: index message_by_batch.
-- Called by: batches_count() in server/routes/batches.c.
SELECT CASE WHEN $2::text IS NULL
            THEN (SELECT count(*) FROM mailproxy.queue q WHERE q.state = 'ready' AND q.tenant_id = $1::text)
                 + (SELECT count(*) FROM mailproxy.queue q WHERE q.state = 'scheduled' AND q.tenant_id = $1::text)
                 + (SELECT count(*) FROM mailproxy.queue q WHERE q.state = 'held' AND q.tenant_id = $1::text)
                 + (SELECT count(*) FROM mailproxy.queue q WHERE q.state = 'leased' AND q.tenant_id = $1::text)
            ELSE (SELECT count(*) FROM mailproxy.message m
                   WHERE m.tenant_id = $1::text AND m.batch_code = $2::text AND m.state = 'queued') END;
