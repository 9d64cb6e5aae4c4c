-- 0019_operators: what the views for operators read by time.
-- Rows come in the order of ended_at: a few octets for each hundred pages find the last minutes of a day.
CREATE INDEX attempt_by_time ON mailproxy.attempt USING brin (ended_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX attempt_not_sent ON mailproxy.attempt (ended_at) WHERE outcome <> 'sent';
COMMENT ON INDEX mailproxy.attempt_by_time IS 'For throughput and latency: the last minutes.';
COMMENT ON INDEX mailproxy.attempt_not_sent IS 'For recent_error: the last hour of what went wrong, however much went well.';
