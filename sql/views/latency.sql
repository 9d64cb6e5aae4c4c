-- latency: how long mail took, minute by minute.
CREATE OR REPLACE VIEW mailproxy.latency WITH (security_invoker = true) AS
SELECT l.tenant_id, l.minute, l.sent, l.ms[1]::bigint AS p50_ms, l.ms[2]::bigint AS p95_ms, l.ms[3]::bigint AS p99_ms,
       l.queue_ms::bigint AS p95_queue_ms, l.relay_ms::bigint AS p95_relay_ms
  FROM (SELECT a.tenant_id, date_trunc('minute', a.ended_at) AS minute, count(*) AS sent,
               percentile_disc('{0.5,0.95,0.99}'::double precision[]) WITHIN GROUP (ORDER BY
                   coalesce(a.queue_ms, 0) + coalesce(a.compose_ms, 0) + coalesce(a.connect_ms, 0) + coalesce(a.send_ms, 0)) AS ms,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY coalesce(a.queue_ms, 0)) AS queue_ms,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY coalesce(a.connect_ms, 0) + coalesce(a.send_ms, 0)) AS relay_ms
          FROM mailproxy.attempt a
         WHERE a.outcome = 'sent' AND a.ended_at >= date_trunc('minute', now() - interval '15 minutes')
         GROUP BY a.tenant_id, minute) l;
COMMENT ON VIEW mailproxy.latency IS 'How long messages that were sent took from being due to the relay''s reply, by tenant and minute, for fifteen minutes. Question: is mail slow, and is it the queue or the relay? Reads and sorts the attempts of these minutes, by index.';
COMMENT ON COLUMN mailproxy.latency.p95_queue_ms IS 'Waiting to be claimed and for a connection.';
COMMENT ON COLUMN mailproxy.latency.p95_relay_ms IS 'Connecting and sending: the relay''s own time.';
