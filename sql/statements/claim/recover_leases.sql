-- recover_leases: hand back what a claim leased whose answer never arrived.
-- $1 bigint worker epoch  $2 bigint[] lease tokens the worker knows of
-- Rows: how many went back.
-- Plan: index queue_leased.
-- Called by: take_recover() in worker/claim/take.c.
WITH recovered AS (
    UPDATE mailproxy.queue
       SET state = 'ready', lease_token = NULL, lease_epoch = NULL, leased_at = NULL, attempts = greatest(attempts - 1, 0)
     WHERE state = 'leased' AND lease_epoch = $1::bigint AND lease_token <> ALL ($2::bigint[])
    RETURNING 1
)
SELECT count(*) FROM recovered;
