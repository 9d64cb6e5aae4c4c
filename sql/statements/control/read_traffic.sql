-- read_traffic: what came in, what came of attempts and how long mail took, bucket by bucket.
-- $1 text tenant_id, null: all  $2 integer hours  $3 integer length of a bucket, seconds  $4 bigint count no more than so many
-- Rows: when the figures begin, the bucket (both in seconds since the epoch), accepted, sent, errors, deferred, milliseconds from being due
--       to the relay's reply that 50, 95 and 99 % did not exceed (null: none was sent). The bucket is null where nothing happened at all.
-- Locks: none.
-- Plan: mailproxy.traffic(): a second for 300,000 attempts and as many messages, on a busy machine.
-- Called by: traffic_get() in server/routes/traffic.c.
SELECT floor(extract(epoch FROM r.complete_since))::bigint, floor(extract(epoch FROM r.bucket_at))::bigint,
       r.accepted, r.sent, r.errors, r.deferred, r.p50_ms, r.p95_ms, r.p99_ms
  FROM mailproxy.traffic($1::text, now() - make_interval(hours => $2::integer), make_interval(secs => $3::integer), $4::bigint) r;
