-- insert_rule: add a rule behind all others; an enabled one ends a suspension of everything.
-- $1 text name  $2 boolean enabled  $3 integer[] days  $4 smallint start hour  $5 smallint end hour
-- $6 boolean cross_midnight  $7 integer interval, minutes
-- Rows: none.
-- Locks: the instance row (lock_rules has it already).
-- Plan: index rule_in_order, its last entry.
-- Called by: rules_post() in server/routes/rules.c.
WITH activated AS (
    UPDATE mailproxy.instance
       SET active = true, updated_at = now()
     WHERE instance_id = 1 AND $2::boolean AND NOT active)
INSERT INTO mailproxy.rule (name, enabled, priority, days, start_hour, end_hour, cross_midnight, interval_minutes)
SELECT $1::text, $2::boolean, least(coalesce((SELECT max(r.priority) FROM mailproxy.rule r) + bigint '1', 0), 2147483647),
       $3::integer[], $4::smallint, $5::smallint, $6::boolean, $7::integer;
