-- delete_rule: remove a rule. The instance stays as active as it is.
-- $1 bigint rule_id
-- Rows: none. An id that there is not changes nothing.
-- Locks: the rule.
-- Plan: primary key.
-- Called by: rules_delete() in server/routes/rules.c.
DELETE FROM mailproxy.rule WHERE rule_id = $1::bigint;
