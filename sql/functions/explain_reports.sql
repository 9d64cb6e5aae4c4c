-- explain_reports: what of one message its tenant was not told, and why.
-- Needs: explain_time
CREATE OR REPLACE FUNCTION mailproxy.explain_reports(of_message bigint) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('The tenant was not told yet: %s. %s', u.what,
                  CASE WHEN NOT i.active THEN 'The service is not active, so nobody is called.'
                       WHEN t.client_base_url IS NULL AND t.tenant_id = 'default'
                       THEN 'Tenant default has no client_base_url: it is called only if the workers have GMP_CLIENT_SYNC_URL, which the database does not know.'
                       WHEN t.client_base_url IS NULL THEN 'It has no client_base_url, so there is nobody to call.'
                       WHEN s.lease_token IS NOT NULL
                       THEN format('Worker %s has been calling it since %s.', s.lease_epoch, mailproxy.explain_time(s.leased_at))
                       WHEN s.retry_at > now()
                       THEN format('Its last call failed (failures in a row: %s): %s. The next one is due at %s, or after run-now.', s.failures, s.last_error,
                                   mailproxy.explain_time(s.retry_at))
                       WHEN s.failures > 0 THEN format('Its last call failed (failures in a row: %s): %s. The next one is due now.', s.failures, s.last_error)
                       ELSE 'It is to be called now.' END)
      FROM (SELECT e.tenant_id, string_agg(e.event_type::text, ', ' ORDER BY e.event_pk) AS what
              FROM mailproxy.event e
             WHERE e.message_pk = of_message AND e.reported_at IS NULL
             GROUP BY e.tenant_id) u
      JOIN mailproxy.tenant t ON t.tenant_id = u.tenant_id
      JOIN mailproxy.tenant_sync s ON s.tenant_id = u.tenant_id
     CROSS JOIN mailproxy.instance i
$$;
COMMENT ON FUNCTION mailproxy.explain_reports(bigint) IS 'The part of explain_message() on reports that are still to come; no row: the tenant knows everything; message_pk.';
