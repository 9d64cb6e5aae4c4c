-- read_instance: is the service active, and what time is it?
-- Rows: active, seconds since the epoch. Always one.
-- Locks: none.
-- Called by: status_get() and status_whoami() in server/routes/status.c.
SELECT i.active, floor(extract(epoch FROM now()))::bigint FROM mailproxy.instance i;
