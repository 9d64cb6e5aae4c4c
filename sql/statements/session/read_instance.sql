-- read_instance: is the service active?
-- Rows: active. Always one.
-- Locks: none.
-- Called by: status_get() in server/routes/status.c.
SELECT i.active FROM mailproxy.instance i;
