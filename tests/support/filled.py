"""A database with a history and a backlog, made by SQL in seconds: for plans and figures, where the programs would take hours."""

# 20 tenants with 5 accounts each. `finished` messages that were sent (one in fifty was not) in the last 20 hours, one in a hundred
# of them in the last 15 minutes; `waiting` ones, half of them of one tenant: ready, deferred, held, and 500 in the hands of 10 workers.
STATEMENTS = [
    """INSERT INTO mailproxy.tenant (tenant_id, client_base_url) SELECT 't' || t, 'http://127.0.0.1:9' FROM generate_series(1, 20) t""",
    """INSERT INTO mailproxy.tenant_sync (tenant_id, news_seq) SELECT 't' || t, 2 FROM generate_series(1, 20) t""",
    """INSERT INTO mailproxy.account (tenant_id, account_id, host, port, limit_per_hour)
       SELECT 't' || t, 'a' || a, 'relay.test', 25, CASE WHEN a = 1 THEN 100000 END
         FROM generate_series(1, 20) t, generate_series(1, 5) a""",
    """INSERT INTO mailproxy.account_state (tenant_id, account_id) SELECT tenant_id, account_id FROM mailproxy.account""",
    """INSERT INTO mailproxy.worker (host, pid, version, lease_s) SELECT 'h', w, 'v', 60 FROM generate_series(1, 10) w""",
    """DO $$ DECLARE parent text; -- yesterday's partitions: there is no other use for making them afterwards
       BEGIN
           FOREACH parent IN ARRAY ARRAY['message_body', 'message_attachment', 'attempt', 'event'] LOOP
               EXECUTE format('CREATE TABLE mailproxy.%I PARTITION OF mailproxy.%I FOR VALUES FROM (%L) TO (%L)',
                              parent || to_char(now() AT TIME ZONE 'UTC' - interval '1 day', '_YYYYMMDD'), parent,
                              ((now() AT TIME ZONE 'UTC')::date - 1) || ' 00:00:00+00', (now() AT TIME ZONE 'UTC')::date || ' 00:00:00+00');
           END LOOP;
       END $$""",
    """CREATE TEMP TABLE done AS
       SELECT i, now() - CASE WHEN i % 100 = 0 THEN i % 9000 * interval '0.1 second' ELSE random() * interval '20 hours' END AS at
         FROM generate_series(1, :finished) i ORDER BY 2""",
    """INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, reason, created_at, finished_at)
       SELECT 't' || 1 + i % 20, 'a' || 1 + i % 5, 'done' || i, '<' || i || '@test>', 1000, 2,
              (CASE WHEN i % 50 = 0 THEN 'error' ELSE 'sent' END)::mailproxy.message_state, CASE WHEN i % 50 = 0 THEN '550 no' END, at, at
         FROM done""",
    """INSERT INTO mailproxy.attempt (message_pk, ended_at, worker_epoch, attempt, outcome, reply_code, reply, tenant_id, account_id, queue_ms, send_ms)
       SELECT m.message_pk, m.finished_at, 1, 1, m.state::text::mailproxy.outcome, CASE m.state WHEN 'sent' THEN 250 ELSE 550 END,
              coalesce(m.reason, 'ok'), m.tenant_id, m.account_id, m.message_pk % 700, m.message_pk % 300
         FROM mailproxy.message m ORDER BY m.finished_at""",
    """INSERT INTO mailproxy.event (message_pk, created_at, event_at, reported_at, event_type, tenant_id)
       SELECT message_pk, finished_at, finished_at, CASE WHEN message_pk % 25 > 0 THEN now() END, state::text::mailproxy.event_type, tenant_id
         FROM mailproxy.message""",
    """INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
       SELECT CASE WHEN i % 2 = 0 THEN 't' || 1 + i % 20 ELSE 't1' END, 'a' || 1 + i % 5, 'queued' || i, '<q' || i || '@test>', 1000, i % 4
         FROM generate_series(1, :waiting) i""",
    """INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id, state)
       SELECT message_pk, now() + CASE message_pk % 10 WHEN 1 THEN interval '1 hour' ELSE interval '0' END, priority, tenant_id, account_id,
              (CASE message_pk % 10 WHEN 1 THEN 'scheduled' WHEN 2 THEN 'held' ELSE 'ready' END)::mailproxy.queue_state
         FROM mailproxy.message WHERE state = 'queued'""",
    """UPDATE mailproxy.queue SET state = 'leased', lease_token = message_pk, lease_epoch = 1 + message_pk % 10, leased_at = now()
        WHERE message_pk = ANY (ARRAY(SELECT message_pk FROM mailproxy.queue WHERE state = 'ready' ORDER BY message_pk LIMIT 500))""",
    """INSERT INTO mailproxy.rate_bucket (tenant_id, account_id, period, bucket_at, taken)
       SELECT 't' || t, 'a1', 'hour', now() - b * interval '36 seconds', 5 FROM generate_series(1, 20) t, generate_series(0, 99) b""",
]


def fill(conn, finished, waiting):
    """conn: autocommit. Foreign keys are not asked: the rows are right."""
    conn.execute("SET session_replication_role = replica")
    for statement in STATEMENTS:
        conn.execute(statement.replace(":finished", str(finished)).replace(":waiting", str(waiting)))
    conn.execute("DROP TABLE done")
    conn.execute("SET session_replication_role = origin")
    conn.execute("VACUUM ANALYZE")
