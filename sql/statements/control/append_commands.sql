-- append_commands: note commands in the command log, a row for each tenant that one concerns.
-- $1 text endpoint  $2 smallint response_status  $3 text[] actor  $4 text[] tenant_id, null: none  $5 json[] payload
-- Rows: none.
-- Locks: the new rows; nobody waits for them. Last in its transaction.
-- Called by: command_log_append_parts() in server/command_log.c.
INSERT INTO mailproxy.command_log (endpoint, response_status, actor, tenant_id, payload)
SELECT $1::text, $2::smallint, r.actor, r.tenant_id, r.payload
  FROM unnest($3::text[], $4::text[], $5::json[]) AS r (actor, tenant_id, payload);
