-- search_messages: which of the next messages of a list are what somebody is looking for?
-- $1 text tenant_id, null: all
-- $2 text what is sought: a Message-ID, with its angle brackets or without, or a part of the subject or of a recipient's address
-- $3 smallint $4 bigint $5 text $6 text the last row seen: priority, created_at in microseconds since the epoch, message_id,
-- tenant_id, as in list_messages; -1, 0 and two empty texts for the first page
-- Rows: message_pk, priority, created_at in microseconds since the epoch, message_id, tenant_id, size_octets, whether it is one; in
--       the order of the list. At most 500, and no more than 16 MiB of messages but for a single larger one; none: the end of the list.
-- Locks: none.
-- Plan: index message_listing, or without a tenant message_listing_of_all, in its order from the last row seen on; then primary
--       keys. Each body is read and taken apart: 500 of 2 KB in 27 ms more, on a busy machine.
-- Called by: listing_search_page() in server/routes/listing_search.c.
WITH page AS MATERIALIZED (
    (SELECT m.message_pk
       FROM mailproxy.message m
      WHERE $1::text IS NOT NULL AND m.tenant_id = $1::text
        AND (m.priority, m.created_at, m.message_id)
            > ($3::smallint, 'epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::text)
      ORDER BY m.priority, m.created_at, m.message_id
      LIMIT 500)
    UNION ALL
    (SELECT m.message_pk
       FROM mailproxy.message m
      WHERE $1::text IS NULL
        AND (m.priority, m.created_at, m.message_id, m.tenant_id)
            > ($3::smallint, 'epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::text, $6::text)
      ORDER BY m.priority, m.created_at, m.message_id, m.tenant_id
      LIMIT 500)),
fitting AS MATERIALIZED (
    SELECT r.*
      FROM (SELECT m.message_pk, m.created_at, m.priority, m.message_id, m.tenant_id, m.mime_message_id, m.size_octets,
                   row_number() OVER so_far AS number, sum(m.size_octets::bigint) OVER so_far AS octets
              FROM mailproxy.message m
             WHERE m.message_pk = ANY (ARRAY (SELECT p.message_pk FROM page p)) -- a join might merge with all of message
            WINDOW so_far AS (ORDER BY m.priority, m.created_at, m.message_id, m.tenant_id ROWS UNBOUNDED PRECEDING)) r
     WHERE r.number = 1 OR r.octets <= 16777216)
SELECT f.message_pk, f.priority, (extract(epoch FROM f.created_at) * 1000000)::bigint, f.message_id, f.tenant_id, f.size_octets,
       f.mime_message_id IN ($2::text, '<' || $2::text || '>')
       OR coalesce((SELECT strpos(lower(concat_ws(E'\n', c.subject, c."to", c.cc, c.bcc)), lower($2::text)) > 0
                      FROM mailproxy.message_body b
                           CROSS JOIN LATERAL json_to_record(b.content) AS c (subject text, "to" text, cc text, bcc text)
                     WHERE b.message_pk = f.message_pk AND b.created_at = f.created_at), false)
  FROM fitting f
 ORDER BY f.priority, f.created_at, f.message_id, f.tenant_id;
