-- throughput: what came in and what went out, minute by minute.
CREATE OR REPLACE VIEW mailproxy.throughput WITH (security_invoker = true) AS
SELECT coalesce(i.tenant_id, o.tenant_id) AS tenant_id, coalesce(i.minute, o.minute) AS minute,
       coalesce(i.accepted, 0) AS accepted, coalesce(o.attempts, 0) AS attempts, coalesce(o.sent, 0) AS sent,
       coalesce(o.deferred, 0) AS deferred, coalesce(o.errors, 0) AS errors
  FROM (SELECT m.tenant_id, date_trunc('minute', m.created_at) AS minute, count(*) AS accepted
          FROM mailproxy.message m
         WHERE m.priority = ANY ('{0,1,2,3}'::smallint[]) -- so that the index is read by time
           AND m.created_at >= date_trunc('minute', now() - interval '15 minutes')
         GROUP BY m.tenant_id, minute) i
  FULL JOIN (SELECT a.tenant_id, date_trunc('minute', a.ended_at) AS minute, count(*) AS attempts,
                    count(*) FILTER (WHERE a.outcome = 'sent') AS sent,
                    count(*) FILTER (WHERE a.outcome = 'deferred') AS deferred,
                    count(*) FILTER (WHERE a.outcome = 'error') AS errors
               FROM mailproxy.attempt a
              WHERE a.ended_at >= date_trunc('minute', now() - interval '15 minutes')
              GROUP BY a.tenant_id, minute) o ON o.tenant_id = i.tenant_id AND o.minute = i.minute;
COMMENT ON VIEW mailproxy.throughput IS 'Messages accepted and attempts ended, by tenant and minute, for fifteen minutes; a minute in which nothing happened has no row. Question: is mail coming in, is it going out, since when not? Reads what it counts, by index.';
