-- append_commands: note a command in the command log, a row for each tenant it concerns.
-- $1 text endpoint  $2 text actor  $3 smallint response_status  $4 text[] tenant_id, null: none  $5 json[] payload
-- Rows: none.
-- Locks: the new rows; nobody waits for them. Last in its transaction.
-- Called by: command_log_append_rows() in server/command_log.c.
INSERT INTO mailproxy.command_log (endpoint, actor, response_status, tenant_id, payload)
SELECT $1::text, $2::text, $3::smallint, r.tenant_id, r.payload
  FROM unnest($4::text[], $5::json[]) AS r (tenant_id, payload);
