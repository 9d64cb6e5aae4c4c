-- intake_wake: tell the workers that there is work, once this transaction is committed.
-- A transaction that notifies holds a lock of the whole cluster while it commits: when each did, they would stand in line for
-- the disk one by one. So one in 50 ms does, as with the server; the others' messages are found by whoever it wakes, or by the
-- workers' own poll a second later. When the last one was is kept in a sequence: others see that before the commit.
CREATE OR REPLACE FUNCTION mailproxy.intake_wake() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    now_ms  CONSTANT bigint := extract(epoch FROM clock_timestamp()) * 1000;
    last_ms bigint;
BEGIN
    SELECT s.last_value INTO last_ms FROM mailproxy.wake_seq AS s;
    IF abs(now_ms - last_ms) >= 50 THEN -- the clock may have been put back
        PERFORM setval('mailproxy.wake_seq', now_ms);
        PERFORM pg_notify('mailproxy_wake', '');
    END IF;
END $$;
COMMENT ON FUNCTION mailproxy.intake_wake() IS 'NOTIFY the workers at the commit, unless another transaction has undertaken to do so within the last 50 ms.';
