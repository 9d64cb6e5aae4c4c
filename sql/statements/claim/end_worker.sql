-- end_worker: the worker says goodbye; what it still holds goes back.
-- $1 bigint epoch
-- Rows: messages and tenant calls handed back.
-- Locks: the worker's row and its leases.
-- Called by: lease_end() in worker/claim/lease.c.
WITH ended AS (
    UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'stopped', in_flight = 0
     WHERE epoch = $1::bigint AND ended_at IS NULL
), returned AS (
    UPDATE mailproxy.queue
       SET state = 'ready', lease_token = NULL, lease_epoch = NULL, leased_at = NULL
     WHERE state = 'leased' AND lease_epoch = $1::bigint
    RETURNING message_pk
), hung_up AS (
    UPDATE mailproxy.tenant_sync SET lease_token = NULL, lease_epoch = NULL, leased_at = NULL
     WHERE lease_epoch = $1::bigint
    RETURNING tenant_id
)
SELECT (SELECT count(*) FROM returned), (SELECT count(*) FROM hung_up);
