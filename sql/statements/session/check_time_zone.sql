-- check_time_zone: does PostgreSQL know this time zone?
-- $1 text its name
-- Rows: whether it does. Always one.
-- Locks: none.
-- Called by: time_zone_check() in common/time_zone.c.
SELECT mailproxy.local_time(now(), $1::text) IS NOT NULL;
