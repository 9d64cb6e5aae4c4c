-- acknowledge_reports: the tenant answered: its events are told, the call is over.
-- $1 text tenant_id  $2 bigint lease token  $3 bigint news_seq the call had seen
-- $4 bigint[] event_pk told  $5 bigint oldest and $6 bigint newest created_at of them, microseconds since the epoch
-- $7 boolean call again at once  $8 bigint not to be disturbed before, seconds since the epoch; null, or past: no wish
-- Rows: how many events were marked; none: the lease was lost, and nothing was changed.
-- Locks: the tenant_sync row, then the events.
-- Plan: index event_unreported; $5 and $6 leave out the other partitions of event.
-- Called by: call_acknowledge() in worker/report/call.c.
WITH held AS (
    UPDATE mailproxy.tenant_sync
       SET told_seq = $3::bigint, news_seq = news_seq + $7::boolean::integer,
           called_at = now(), last_sync_at = greatest(to_timestamp($8::bigint), now()),
           failures = 0, retry_at = NULL, last_error = NULL,
           lease_token = NULL, lease_epoch = NULL, leased_at = NULL
     WHERE tenant_id = $1::text AND lease_token = $2::bigint
    RETURNING tenant_id),
told AS (
    UPDATE mailproxy.event e
       SET reported_at = now()
     WHERE e.tenant_id = $1::text AND e.reported_at IS NULL AND e.event_pk = ANY ($4::bigint[])
       AND e.created_at BETWEEN timestamptz 'epoch' + $5::bigint * interval '1 microsecond'
                            AND timestamptz 'epoch' + $6::bigint * interval '1 microsecond'
       AND EXISTS (SELECT FROM held)
    RETURNING 1)
SELECT (SELECT count(*) FROM told) FROM held;
