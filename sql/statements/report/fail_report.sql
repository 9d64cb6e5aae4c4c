-- fail_report: the call went wrong: nothing was told, try again later.
-- $1 text tenant_id  $2 bigint lease token  $3 text what went wrong  $4 bigint seconds the tenant asked to wait; null: none
-- Rows: failures in a row, seconds until the next call; none: the lease was lost, and nothing was changed.
-- Locks: the tenant_sync row.
-- The pause doubles from 5 s to 300 s, with up to a tenth of jitter on the way there. A wait asked for is kept up to a day.
-- Called by: call_fail() in worker/report/call.c.
UPDATE mailproxy.tenant_sync
   SET called_at = now(), failures = failures + 1, last_error = $3::text,
       retry_at = now() + make_interval(secs => least(86400, coalesce($4::bigint,
                      least(300, 5 * power(2, least(failures, 10)) * (1 + 0.1 * random()))))),
       lease_token = NULL, lease_epoch = NULL, leased_at = NULL
 WHERE tenant_id = $1::text AND lease_token = $2::bigint
RETURNING failures, ceil(extract(epoch FROM retry_at - now()))::integer;
