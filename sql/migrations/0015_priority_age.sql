-- 0015_priority_age: of the two priorities of a message, which says what was asked for and which says when it goes out.
COMMENT ON COLUMN mailproxy.message.priority IS 'What the client asked for, 0 to 3: 0 immediate, 1 high, 2 medium, 3 low. Never changed by waiting.';
COMMENT ON COLUMN mailproxy.queue.priority IS 'By which it is claimed: message.priority at first, less by one for each GMP_PRIORITY_AGE seconds that it has been due behind higher ones of its account, but not 0 for that.';
