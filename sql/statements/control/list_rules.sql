-- list_rules: every rule; a later one goes before an earlier one where both match.
-- Rows: rule_id, name, enabled, priority, days as JSON, start_hour, end_hour, cross_midnight, interval_minutes.
-- Locks: none.
-- Plan: index rule_in_order.
-- Called by: rules_answer() in server/routes/rules.c.
SELECT r.rule_id, r.name, r.enabled, r.priority, array_to_json(r.days), r.start_hour, r.end_hour, r.cross_midnight,
       r.interval_minutes
  FROM mailproxy.rule r
 ORDER BY r.priority, r.rule_id;
