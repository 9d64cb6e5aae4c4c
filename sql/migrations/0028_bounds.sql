-- 0028_bounds: numbers and words that the programs have always kept within bounds, which the schema did not say.
-- Reads message and queue once, and keeps everybody from them for that time, 0.7 s for 1,000,000 messages that wait.

-- Not reject or defer: clients may call it anything, are told what they have said, and anything but reject defers.
ALTER TABLE mailproxy.account
    ADD CONSTRAINT account_limit_behavior_is_short CHECK (octet_length(limit_behavior) <= 255);
ALTER TABLE mailproxy.account_state
    ADD CONSTRAINT account_state_failures_are_not_negative CHECK (failures >= 0);
ALTER TABLE mailproxy.message
    ADD CONSTRAINT message_size_is_not_negative CHECK (size_octets >= 0);
ALTER TABLE mailproxy.queue
    ADD CONSTRAINT queue_attempts_are_not_negative CHECK (attempts >= 0),
    ADD CONSTRAINT queue_priority_is_known CHECK (priority BETWEEN 0 AND 3);
ALTER TABLE mailproxy.worker
    ADD CONSTRAINT worker_end_is_known CHECK (ended_how IN ('stopped', 'reaped'));
