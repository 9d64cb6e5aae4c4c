-- list_messages: one page of the messages of a tenant, or of all, by priority, acceptance and id.
-- $1 text tenant_id, null: all  $2 boolean only those not final  $3 text status, null: any  $4 text account_id, null: any
-- $5 text batch_code, null: any
-- $6 smallint $7 bigint $8 text $9 text the last row seen: priority, created_at in microseconds since the epoch,
-- message_id, tenant_id ($9 is of use in the list of all); -1, 0 and two empty texts for the first page  $10 bigint no more than so many that are wanted
-- $11 bigint[] message_pk: of these messages a page, whoever's they are, instead of what $1 and $6 to $9 say; null: as they say
-- Rows: whether it is wanted by $2 to $5 (of others only what says where they stand in the list is filled), message_pk,
--       message_id, tenant_id, tenant_name, account_id, priority, batch_code, status, deferred_ts, deferred_reason,
--       sent_ts, error_ts, error, reported_ts, bounce_ts, bounce_type, bounce_code, bounce_reason,
--       created_at and updated_at in microseconds since the epoch, is_pec, retries, content.
--       At most 500, and no more than 8 MiB of messages but for a single larger one; none: the end of the list.
-- Locks: none.
-- Plan: index message_listing, or without a tenant message_listing_of_all, in its order from the last row seen on; the
--       other one is not begun (One-Time Filter). Index event_pkey. The conditions $2 to $5 stand outside, else
--       the planner takes the rows for few and sorts all of them for each page.
-- Called by: listing_page_read() in server/routes/listing_page.c.
WITH page AS MATERIALIZED (
    (SELECT m.message_pk
       FROM mailproxy.message m
      WHERE $1::text IS NOT NULL AND $11::bigint[] IS NULL AND m.tenant_id = $1::text
        AND (m.priority, m.created_at, m.message_id)
            > ($6::smallint, 'epoch'::timestamptz + $7::bigint * interval '1 microsecond', $8::text)
      ORDER BY m.priority, m.created_at, m.message_id
      LIMIT 500)
    UNION ALL
    (SELECT m.message_pk
       FROM mailproxy.message m
      WHERE $1::text IS NULL AND $11::bigint[] IS NULL
        AND (m.priority, m.created_at, m.message_id, m.tenant_id)
            > ($6::smallint, 'epoch'::timestamptz + $7::bigint * interval '1 microsecond', $8::text, $9::text)
      ORDER BY m.priority, m.created_at, m.message_id, m.tenant_id
      LIMIT 500)
    UNION ALL
    (SELECT g.message_pk FROM unnest($11::bigint[]) AS g (message_pk))),
told AS MATERIALIZED (
    SELECT m.*, w.due_at, s.gate_until, s.gate_reason, a.paused_reason,
           CASE WHEN m.state = 'sent' THEN 'sent'
                WHEN m.state <> 'queued' THEN 'error'
                WHEN q.state = 'leased' THEN 'sending'
                WHEN num_nonnulls(w.due_at, s.gate_until, a.paused_at) > 0 THEN 'deferred'
                ELSE 'pending' END AS status
      FROM mailproxy.message m
           LEFT JOIN mailproxy.queue q ON q.message_pk = m.message_pk
           CROSS JOIN LATERAL (SELECT CASE WHEN q.state IN ('scheduled', 'held') AND q.due_at > now()
                                           THEN q.due_at END AS due_at) w
           LEFT JOIN mailproxy.account_state s
                  ON s.tenant_id = m.tenant_id AND s.account_id = m.account_id AND s.gate_until > now()
                 AND m.state = 'queued'
           LEFT JOIN mailproxy.account a
                  ON a.tenant_id = m.tenant_id AND a.account_id = m.account_id AND a.paused_at IS NOT NULL
                 AND m.state = 'queued'
     WHERE m.message_pk = ANY (ARRAY (SELECT p.message_pk FROM page p))), -- a join might merge with all of message
judged AS MATERIALIZED (
    SELECT o.*, (NOT $2::boolean OR o.state = 'queued')
                AND ($3::text IS NULL OR o.status = $3::text)
                AND ($4::text IS NULL OR o.account_id = $4::text)
                AND ($5::text IS NULL OR o.batch_code IS NOT DISTINCT FROM $5::text) AS wanted
      FROM told o),
fitting AS MATERIALIZED (
    SELECT r.*
      FROM (SELECT j.*, count(*) FILTER (WHERE j.wanted) OVER so_far AS number,
                   coalesce(sum(j.size_octets::bigint) FILTER (WHERE j.wanted) OVER so_far, 0) AS octets
              FROM judged j
            WINDOW so_far AS (ORDER BY j.priority, j.created_at, j.message_id, j.tenant_id
                              ROWS UNBOUNDED PRECEDING)) r
     WHERE r.number <= $10::bigint AND (r.number <= 1 OR r.octets <= 8388608)) -- both only grow: nothing is skipped
SELECT f.wanted, f.message_pk, f.message_id, f.tenant_id, t.name, f.account_id, f.priority, f.batch_code, f.status,
       CASE WHEN f.status = 'deferred'
            THEN ceil(extract(epoch FROM greatest(f.due_at, f.gate_until)))::bigint END,
       CASE WHEN f.status = 'deferred'
            THEN CASE WHEN f.paused_reason IS NOT NULL THEN 'the account is paused: ' || f.paused_reason
                      WHEN f.due_at IS NOT NULL THEN f.reason ELSE f.gate_reason END END,
       CASE WHEN f.status = 'sent' THEN floor(extract(epoch FROM f.finished_at))::bigint END,
       CASE WHEN f.status = 'error' THEN floor(extract(epoch FROM f.finished_at))::bigint END,
       CASE WHEN f.status = 'error' THEN coalesce(f.reason, f.state::text) END,
       CASE WHEN e.all_reported THEN floor(extract(epoch FROM e.reported_at))::bigint END,
       floor(extract(epoch FROM e.bounce_at))::bigint, e.bounce_metadata ->> 'bounce_type',
       e.bounce_metadata ->> 'bounce_code', e.bounce_description,
       (extract(epoch FROM f.created_at) * 1000000)::bigint, (extract(epoch FROM f.updated_at) * 1000000)::bigint,
       f.is_pec, f.retries, b.content
  FROM fitting f
       JOIN mailproxy.tenant t USING (tenant_id)
       LEFT JOIN mailproxy.message_body b ON b.message_pk = f.message_pk AND b.created_at = f.created_at AND f.wanted
       LEFT JOIN LATERAL (
           SELECT bool_and(e.reported_at IS NOT NULL) AS all_reported, max(e.reported_at) AS reported_at,
                  (array_agg(e.event_at ORDER BY e.event_pk DESC) FILTER (WHERE e.event_type = 'bounce'))[1] AS bounce_at,
                  (array_agg(e.metadata ORDER BY e.event_pk DESC) FILTER (WHERE e.event_type = 'bounce'))[1]
                      AS bounce_metadata,
                  (array_agg(e.description ORDER BY e.event_pk DESC) FILTER (WHERE e.event_type = 'bounce'))[1]
                      AS bounce_description
             FROM mailproxy.event e
            WHERE e.message_pk = f.message_pk AND e.created_at >= f.created_at) e ON f.wanted
 ORDER BY f.priority, f.created_at, f.message_id, f.tenant_id;
