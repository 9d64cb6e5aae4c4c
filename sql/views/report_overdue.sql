-- report_overdue: which tenants have not been told what they should know, and why.
CREATE OR REPLACE VIEW mailproxy.report_overdue AS
SELECT s.tenant_id, o.created_at AS oldest_at, date_trunc('seconds', now() - o.created_at) AS overdue, u.untold,
       CASE WHEN NOT i.active THEN 'the service is not active: nobody is called'
            WHEN t.client_base_url IS NULL AND t.tenant_id = 'default'
            THEN 'it has no client_base_url: it is called only if the workers have GMP_CLIENT_SYNC_URL, which is not to be seen from here'
            WHEN t.client_base_url IS NULL THEN 'it has no client_base_url: there is nobody to call'
            WHEN s.lease_token IS NOT NULL THEN 'it is being called'
            WHEN s.failures > 0 THEN 'its calls fail'
            ELSE 'it waits for its turn' END AS reason,
       t.client_base_url IS NOT NULL AS may_be_called, s.failures, s.last_error, s.retry_at, s.called_at,
       s.lease_epoch AS worker, s.leased_at AS calling_since
  FROM mailproxy.tenant_sync s
  JOIN mailproxy.tenant t ON t.tenant_id = s.tenant_id
 CROSS JOIN mailproxy.instance i
 CROSS JOIN LATERAL (
       SELECT e.created_at
         FROM mailproxy.event e
        WHERE e.tenant_id = s.tenant_id AND e.reported_at IS NULL
        ORDER BY e.event_pk
        LIMIT 1) o
 CROSS JOIN LATERAL (
       SELECT count(*) AS untold
         FROM (SELECT FROM mailproxy.event e WHERE e.tenant_id = s.tenant_id AND e.reported_at IS NULL LIMIT 10000) e) u
 WHERE s.news_seq > s.told_seq AND o.created_at < now() - interval '1 minute';
COMMENT ON VIEW mailproxy.report_overdue IS 'Tenants with an event of more than a minute ago that they were not told. Question: whose delivery reports do not arrive, and why? Reads the index of untold events.';
COMMENT ON COLUMN mailproxy.report_overdue.untold IS 'Events, counted up to 10,000.';
COMMENT ON COLUMN mailproxy.report_overdue.may_be_called IS 'false: it has no URL of its own, so that nothing is wrong unless it should have one.';
COMMENT ON COLUMN mailproxy.report_overdue.retry_at IS 'It is called no sooner, except by run-now.';
