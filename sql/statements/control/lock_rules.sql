-- lock_rules: one rule is added at a time, so that each gets a priority of its own.
-- Rows: one.
-- Locks: the instance row, before anything else of the transaction.
-- Plan: primary key.
-- Called by: rules_lock() in server/routes/rules.c.
SELECT i.instance_id FROM mailproxy.instance i WHERE i.instance_id = 1 FOR UPDATE;
