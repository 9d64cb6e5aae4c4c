-- 0004_counters: what has been done so far, for /metrics; exact, and counted where it is recorded.
-- A row belongs to one worker, so that no two wait for each other over one account. Where a worker has ended, its rows
-- are added to epoch 0 (fold_counters); sums over all epochs are right at any moment, before, during and after that.
CREATE TABLE mailproxy.account_counter (
    worker_epoch bigint NOT NULL,
    sent         bigint NOT NULL DEFAULT 0,
    errors       bigint NOT NULL DEFAULT 0,
    deferred     bigint NOT NULL DEFAULT 0,
    rate_limited bigint NOT NULL DEFAULT 0,
    in_doubt     bigint NOT NULL DEFAULT 0,
    tenant_id    text COLLATE "C" NOT NULL,
    account_id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, account_id, worker_epoch),
    -- Not to account: record_attempts has locked queue rows when this is checked, and who deletes an account locks the
    -- account first, then its queue rows, and account_state after these.
    FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account_state ON DELETE CASCADE,
    CONSTRAINT account_counter_only_grows CHECK (least(sent, errors, deferred, rate_limited, in_doubt) >= 0)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
CREATE INDEX account_counter_by_worker ON mailproxy.account_counter (worker_epoch) WHERE worker_epoch > 0;
COMMENT ON TABLE mailproxy.account_counter IS 'Attempts at an account''s messages by outcome, since the account exists; sum them over worker_epoch.';
COMMENT ON COLUMN mailproxy.account_counter.worker_epoch IS 'The worker that recorded them; 0: all workers that have ended.';
COMMENT ON COLUMN mailproxy.account_counter.rate_limited IS 'Times a limit deferred or rejected a message.';
COMMENT ON COLUMN mailproxy.account_counter.in_doubt IS 'Messages whose worker died while it held them; not among deferred.';

CREATE TABLE mailproxy.attempt_counter (
    worker_epoch bigint NOT NULL,
    attempts     bigint NOT NULL,
    total_ms     bigint NOT NULL,
    le_ms        integer NOT NULL,
    reply_class  smallint NOT NULL,
    outcome      mailproxy.outcome NOT NULL,
    PRIMARY KEY (worker_epoch, outcome, reply_class, le_ms),
    CONSTRAINT attempt_counter_reply_class_is_a_digit CHECK (reply_class BETWEEN 0 AND 5)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE mailproxy.attempt_counter IS 'Attempts of all accounts by outcome, deciding reply and duration; sum them over worker_epoch.';
COMMENT ON COLUMN mailproxy.attempt_counter.worker_epoch IS 'The worker that recorded them; 0: all workers that have ended.';
COMMENT ON COLUMN mailproxy.attempt_counter.reply_class IS 'First digit of the reply that decided the attempt; 0: there was none.';
COMMENT ON COLUMN mailproxy.attempt_counter.le_ms IS 'The least of attempt_bounds_ms() that is not below the duration: composing, connecting and sending together.';

CREATE FUNCTION mailproxy.attempt_bounds_ms() RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 2147483647];
COMMENT ON FUNCTION mailproxy.attempt_bounds_ms() IS 'Upper bounds of the histogram of attempt durations, milliseconds; the last one stands for no bound.';

-- The connections of the programs have sequential scans off; this is the one reader of the whole queue, and reading it
-- from end to end takes a fifth of what any index makes of it. Planned at each call, so that a short queue is read by index.
CREATE FUNCTION mailproxy.count_queue()
RETURNS TABLE (tenant_id text, account_id text, pending bigint, oldest_due_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, pg_temp SET enable_seqscan = on SET jit = off
AS $$
    SELECT q.tenant_id, q.account_id, count(*),
           min(q.due_at) FILTER (WHERE q.due_at <= now() AND q.state IN ('ready', 'scheduled'))
      FROM mailproxy.queue q
     GROUP BY q.tenant_id, q.account_id
$$;
COMMENT ON FUNCTION mailproxy.count_queue() IS 'Per account: messages that are not final yet, and since when the oldest of them that may go has been due. Reads the whole queue: 0.2 s per million.';
