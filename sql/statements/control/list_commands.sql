-- list_commands: one page of the command log, oldest first.
-- $1 text tenant_id, null: all  $2 bigint $3 bigint the last row seen: command_at in microseconds since the epoch, and
-- command_id; ids begin at 1, so 0 means from that time on, inclusive  $4 bigint up to the end of that second, null: all
-- $5 text part of the endpoint's name, null: any  $6 bigint no more than so many
-- Rows: command_id, command_at in microseconds since the epoch, the same in seconds, endpoint, tenant_id, payload,
--       response_status. At most 100, of at most 64 KiB each; none: the end of the log.
-- Locks: none.
-- Plan: index command_log_by_time or command_log_by_tenant in their order, from the last row seen on; the arm that is not
--       asked for costs nothing. The LIMIT is a literal, else a generic plan sorts all the rows for each page.
-- Called by: command_log_read_page() in server/routes/command_log.c.
(SELECT c.command_id, (extract(epoch FROM c.command_at) * 1000000)::bigint, floor(extract(epoch FROM c.command_at))::bigint,
        c.endpoint, c.tenant_id, c.payload, c.response_status, c.command_at
   FROM mailproxy.command_log c
  WHERE $1::text IS NULL
    AND (c.command_at, c.command_id) > ('epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3::bigint)
    AND c.command_at < coalesce(to_timestamp($4::bigint + 1), 'infinity')
    AND ($5::text IS NULL OR strpos(c.endpoint, $5::text) > 0)
  ORDER BY c.command_at, c.command_id
  LIMIT 100)
UNION ALL
(SELECT c.command_id, (extract(epoch FROM c.command_at) * 1000000)::bigint, floor(extract(epoch FROM c.command_at))::bigint,
        c.endpoint, c.tenant_id, c.payload, c.response_status, c.command_at
   FROM mailproxy.command_log c
  WHERE c.tenant_id = $1::text
    AND (c.command_at, c.command_id) > ('epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3::bigint)
    AND c.command_at < coalesce(to_timestamp($4::bigint + 1), 'infinity')
    AND ($5::text IS NULL OR strpos(c.endpoint, $5::text) > 0)
  ORDER BY c.command_at, c.command_id
  LIMIT 100)
ORDER BY 8, 1
LIMIT $6::bigint;
