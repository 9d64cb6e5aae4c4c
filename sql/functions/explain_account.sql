-- explain_account: what keeps an account's messages from being claimed.
-- Needs: account_health, explain_time, rate_status
CREATE OR REPLACE FUNCTION mailproxy.explain_account(of_tenant text, of_account text) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE h.state
                WHEN 'paused' THEN format('Account %s is paused: %s. Nothing of it is sent until mailproxy.resume().', of_account, h.reason)
                WHEN 'backed off' THEN format('Account %s is passed by until %s (failures in a row: %s%s): %s. Sooner: run-now, or an update of the account.',
                                              of_account, mailproxy.explain_time(h.next_try_at), h.failures,
                                              ', since ' || mailproxy.explain_time(h.failing_since), coalesce(h.reason, 'nobody knows why'))
                WHEN 'to be tried' THEN format('Account %s was backed off (failures in a row: %s) and is to be tried again now.', of_account, h.failures)
                WHEN 'being tried' THEN format('Account %s was backed off (failures in a row: %s); one worker tries it now, the rest of its messages wait for what comes of it.',
                                               of_account, h.failures)
                WHEN 'at limit' THEN format('Account %s is passed by until %s: %s.', of_account, mailproxy.explain_time(h.next_try_at), h.reason)
                WHEN 'no access token' THEN format('Account %s has no access token: %s. The token endpoint is asked again at %s.', of_account, h.reason,
                                                   mailproxy.explain_time(h.next_try_at))
                WHEN 'crowded' THEN format('Account %s has no connection to spare: other workers hold all of them.', of_account) END
      FROM mailproxy.account_health h
     WHERE h.tenant_id = of_tenant AND h.account_id = of_account AND h.state <> 'ok'
     UNION ALL
    SELECT format('The limit of %s per %s %s is used up: the relay took %s, %s are under way; %s.', r.most, r.period,
                  CASE WHEN r.account_id IS NULL THEN 'of all the tenant''s accounts' ELSE 'of the account' END, r.taken, r.under_way,
                  coalesce('the next one may go at ' || mailproxy.explain_time(r.frees_at), 'what is under way decides'))
      FROM mailproxy.rate_status r
     WHERE r.tenant_id = of_tenant AND coalesce(r.account_id, of_account) = of_account AND r.remaining = 0
     UNION ALL
    SELECT format('Connections to its relay: %s in use%s (%s).', sum(g.connections),
                  coalesce(' of ' || max(a.max_connections), ', how many may be is the workers'' GMP_MAX_CONNECTIONS_PER_ACCOUNT'),
                  string_agg(format('worker %s: %s', g.lease_epoch, g.connections), ', ' ORDER BY g.lease_epoch))
      FROM mailproxy.connection_grant g
      JOIN mailproxy.worker w ON w.epoch = g.lease_epoch AND w.ended_at IS NULL
      JOIN mailproxy.account a ON a.tenant_id = g.tenant_id AND a.account_id = g.account_id
     WHERE g.tenant_id = of_tenant AND g.account_id = of_account
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION mailproxy.explain_account(text, text) IS 'The part of explain_message() on its account: health, limits that are used up, connections in use.';
