-- intake_read: a batch becomes checked drafts: whose each is, whether its account exists, whether all of it is well-formed.
-- Needs: intake_check, intake_find_accounts, intake_identify.
CREATE OR REPLACE FUNCTION mailproxy.intake_read(messages jsonb, named_tenant text, token_tenant text,
                                                 fallback_priority integer) RETURNS mailproxy.draft[]
LANGUAGE plpgsql
AS $$
DECLARE
    given  jsonb[] := ARRAY(SELECT m.value FROM jsonb_array_elements(messages) AS m);
    drafts mailproxy.draft[] := '{}';
    draft  mailproxy.draft;
    limits mailproxy.instance;
    found  record;
BEGIN
    SELECT * INTO limits FROM mailproxy.instance AS i WHERE i.instance_id = 1;
    fallback_priority := coalesce(fallback_priority, limits.default_priority);
    FOR n IN 1 .. cardinality(given) LOOP
        draft := mailproxy.intake_identify(given[n], named_tenant, token_tenant);
        draft.place := n;
        draft.given_id := given[n] -> 'id';
        draft.superseded := false;
        drafts[n] := draft;
    END LOOP;
    FOR found IN
        WITH wanted AS MATERIALIZED (
            SELECT d.place, d.tenant_id, d.account_id FROM unnest(drafts) AS d WHERE d.reason IS NULL),
        pairs AS (
            SELECT array_agg(p.tenant_id) AS tenant_ids, array_agg(p.account_id) AS account_ids
              FROM (SELECT DISTINCT w.tenant_id, w.account_id FROM wanted AS w) AS p)
        SELECT w.place, a.tenant_id, a.is_pec
          FROM pairs AS p
               CROSS JOIN LATERAL mailproxy.intake_find_accounts(p.tenant_ids, p.account_ids) AS a
               JOIN wanted AS w ON w.account_id = p.account_ids[a.place]
                               AND coalesce('=' || w.tenant_id, '') = coalesce('=' || p.tenant_ids[a.place], '')
    LOOP
        drafts[found.place].tenant_id := found.tenant_id;
        drafts[found.place].is_pec := found.is_pec;
    END LOOP;
    FOR n IN 1 .. cardinality(given) LOOP
        draft := drafts[n];
        IF draft.reason IS NULL AND draft.is_pec IS NULL THEN
            drafts[n].reason := 'account not found for tenant';
        ELSIF draft.reason IS NULL THEN
            drafts[n] := mailproxy.intake_check(draft, given[n], limits.max_message_octets, limits.max_attachment_octets, fallback_priority);
        END IF;
    END LOOP;
    FOR found IN
        SELECT s.place
          FROM (SELECT d.place, lead(d.place) OVER (PARTITION BY d.tenant_id, d.message_id ORDER BY d.place) IS NOT NULL AS is_superseded
                  FROM unnest(drafts) AS d
                 WHERE d.reason IS NULL) AS s
         WHERE s.is_superseded
    LOOP
        drafts[found.place].superseded := true;
    END LOOP;
    RETURN drafts;
END $$;
COMMENT ON FUNCTION mailproxy.intake_read(jsonb, text, text, integer) IS 'The drafts of an array of messages, in its order, open or with the reason why they are rejected; of the same id twice the last one only is open. fallback_priority null: the service''s own.';
