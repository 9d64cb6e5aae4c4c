-- preview_rules: how often a tenant without news is polled, hour by hour of a week, by the rules that are stored or by other ones.
-- $1 json the rules, an array of objects with the columns of mailproxy.rule; null: those that are stored
-- $2 integer polling interval where there are no rules, seconds
-- Rows: weekday (0: Monday), hour, seconds between two polls (null: no polling); 168, in that order.
-- Locks: none.
-- Plan: the rules are read once.
-- Called by: rules_preview() in server/routes/rules_preview.c.
SELECT d.weekday, h.clock, mailproxy.interval_by_rules(s.rules, $2::integer, d.weekday, h.clock)
  FROM (SELECT CASE WHEN $1::json IS NULL THEN ARRAY (SELECT r FROM mailproxy.rule r)
                    ELSE ARRAY (SELECT r FROM json_populate_recordset(NULL::mailproxy.rule, $1::json) r) END AS rules
        OFFSET 0) s
       CROSS JOIN generate_series(0, 6) AS d (weekday)
       CROSS JOIN generate_series(0, 23) AS h (clock)
 ORDER BY d.weekday, h.clock;
