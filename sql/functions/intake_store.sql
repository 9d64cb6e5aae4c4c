-- intake_store: open drafts become messages, each with its queue row.
-- Locks: the tenants of messages with a batch code (shared), the accounts (key share), then the rows of enqueue_messages and
-- replace_messages, all until the caller's transaction ends.
-- Needs: intake_enqueue_messages, intake_insert_attachments, intake_open, intake_replace_messages, intake_share_tenants.
CREATE OR REPLACE FUNCTION mailproxy.intake_store(drafts mailproxy.draft[]) RETURNS mailproxy.draft[]
LANGUAGE plpgsql
AS $$
DECLARE
    open  integer[]; -- places of the drafts that one statement is given
    found record;
BEGIN
    PERFORM mailproxy.intake_share_tenants(ARRAY(SELECT DISTINCT d.tenant_id FROM mailproxy.intake_open(drafts) AS d
                                                  WHERE d.batch_code IS NOT NULL));
    PERFORM FROM mailproxy.account AS a
      WHERE (a.tenant_id, a.account_id) IN (SELECT d.tenant_id, d.account_id FROM mailproxy.intake_open(drafts) AS d)
      ORDER BY a.tenant_id, a.account_id
        FOR KEY SHARE;
    FOR found IN SELECT d.place FROM mailproxy.intake_open(drafts) AS d
                  WHERE NOT EXISTS (SELECT FROM mailproxy.account AS a
                                     WHERE a.tenant_id = d.tenant_id AND a.account_id = d.account_id)
    LOOP
        drafts[found.place].reason := 'account not found for tenant'; -- it has just been deleted
    END LOOP;
    FOR round IN 0 .. 4 LOOP
        open := ARRAY(SELECT d.place FROM mailproxy.intake_open(drafts) AS d ORDER BY d.place);
        EXIT WHEN open = '{}';
        IF round = 4 THEN
            RAISE serialization_failure USING MESSAGE = 'ids were taken again and again by other requests';
        ELSIF round > 0 THEN -- the first time told that their ids are taken
            FOR found IN
                SELECT r.place, r.verdict
                  FROM (SELECT array_agg(d.tenant_id ORDER BY d.place) AS tenant_ids, array_agg(d.message_id ORDER BY d.place) AS ids,
                               array_agg(d.account_id ORDER BY d.place) AS account_ids
                          FROM mailproxy.intake_open(drafts) AS d) AS a
                       CROSS JOIN LATERAL mailproxy.intake_replace_messages(a.tenant_ids, a.ids, a.account_ids) AS r
                 WHERE r.verdict <> 'replaced'
            LOOP
                drafts[open[found.place]].reason := CASE found.verdict WHEN 'sent' THEN 'already sent' ELSE 'being sent' END;
            END LOOP;
            open := ARRAY(SELECT d.place FROM mailproxy.intake_open(drafts) AS d ORDER BY d.place);
        END IF;
        FOR found IN
            SELECT e.place, e.message_pk
              FROM (SELECT array_agg(d.tenant_id ORDER BY d.place) AS tenant_ids, array_agg(d.message_id ORDER BY d.place) AS ids,
                           array_agg(d.account_id ORDER BY d.place) AS account_ids, array_agg(d.priority ORDER BY d.place) AS priorities,
                           array_agg(d.size_octets::integer ORDER BY d.place) AS sizes,
                           array_agg(cardinality(d.ordinals) ORDER BY d.place) AS attachments,
                           array_agg(d.batch_code ORDER BY d.place) AS batch_codes,
                           array_agg(d.mime_message_id ORDER BY d.place) AS mime_message_ids, array_agg(d.is_pec ORDER BY d.place) AS are_pec,
                           array_agg(d.due_s ORDER BY d.place) AS due_s, array_agg(d.content ORDER BY d.place) AS contents
                      FROM mailproxy.intake_open(drafts) AS d) AS a
                   CROSS JOIN LATERAL mailproxy.intake_enqueue_messages(a.tenant_ids, a.ids, a.account_ids, a.priorities, a.sizes,
                       a.attachments, a.batch_codes, a.mime_message_ids, a.are_pec, a.due_s, a.contents) AS e
        LOOP
            drafts[open[found.place]].message_pk := found.message_pk;
        END LOOP;
    END LOOP;
    PERFORM mailproxy.intake_insert_attachments(array_agg(d.message_pk), array_agg(a.ordinal), array_agg(a.octets))
       FROM unnest(drafts) AS d
            CROSS JOIN LATERAL unnest(d.ordinals, d.attachments) AS a (ordinal, octets)
      WHERE d.message_pk IS NOT NULL
     HAVING count(*) > 0;
    RETURN drafts;
END $$;
COMMENT ON FUNCTION mailproxy.intake_store(mailproxy.draft[]) IS 'Store the open drafts; afterwards each has its message_pk, or the reason why its id stays with another message: already sent, being sent.';
