-- set_rule_enabled: switch a rule on or off. The instance stays as active as it is.
-- $1 bigint rule_id  $2 boolean enabled
-- Rows: none. An id that there is not changes nothing.
-- Locks: the rule.
-- Plan: primary key.
-- Called by: rules_patch() in server/routes/rules.c.
UPDATE mailproxy.rule SET enabled = $2::boolean WHERE rule_id = $1::bigint;
