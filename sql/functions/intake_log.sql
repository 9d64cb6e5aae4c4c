-- intake_log: note a batch in the command log, a row for each tenant it concerns, in the batch's own transaction.
-- A row tells the ids: what a message says is nobody's business there, and the log must not cost as much as the messages.
CREATE OR REPLACE FUNCTION mailproxy.intake_log(drafts mailproxy.draft[], token_tenant text, named_tenant text, actor text,
                                                default_priority text, status smallint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO mailproxy.command_log (endpoint, tenant_id, actor, response_status, payload)
    SELECT 'addMessages', n.tenant_id, actor, status,
           jsonb_strip_nulls(jsonb_build_object(
               'default_priority', left(default_priority, 16),
               'messages', jsonb_agg(n.shown ORDER BY n.place) FILTER (WHERE n.rank <= 500),
               'more', nullif(greatest(count(*) - 500, 0), 0)))
      FROM (SELECT d.place, coalesce(token_tenant, d.tenant_id, named_tenant, 'default') AS tenant_id,
                   jsonb_build_object('id', left(d.given_id #>> '{}', 255)) AS shown,
                   row_number() OVER (PARTITION BY coalesce(token_tenant, d.tenant_id, named_tenant, 'default') ORDER BY d.place) AS rank
              FROM unnest(drafts) AS d) AS n
     GROUP BY n.tenant_id;
END $$;
COMMENT ON FUNCTION mailproxy.intake_log(mailproxy.draft[], text, text, text, text, smallint) IS 'Note who handed over which ids, at most 500 of each tenant. token_tenant: the caller''s, whose rows all of them are; named_tenant: of messages whose tenant is not known.';
