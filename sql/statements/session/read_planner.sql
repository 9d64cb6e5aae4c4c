-- read_planner: are the planner's settings those that the statements are written for?
-- Rows: whether they are. Always one.
-- Locks: none.
-- Called by: planner_check() in common/planner.c.
SELECT bool_and(current_setting(s.name) = 'off')
  FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'jit']) AS s (name);
