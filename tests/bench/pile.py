"""Messages by the hundred thousand, made by SQL from one that was stored over HTTP: backlogs and histories that the programs would take hours for."""

CHUNK = 100000

# Of one message, :pattern, as many copies as are asked for; their ids begin with :prefix and end in a number from :first on.
MESSAGES = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT nextval('mailproxy.message_pk_seq') AS message_pk, %(prefix)s || i AS message_id FROM generate_series(%(first)s::bigint, %(last)s::bigint) i;
INSERT INTO mailproxy.message (message_pk, created_at, size_octets, priority, state, finished_at, reply_code, tenant_id, message_id, account_id, mime_message_id)
SELECT n.message_pk, now(), m.size_octets, m.priority, %(state)s::mailproxy.message_state, CASE WHEN %(state)s = 'sent' THEN now() END,
       CASE WHEN %(state)s = 'sent' THEN 250 END, m.tenant_id, n.message_id, m.account_id, '<' || n.message_id || '@example.com>'
  FROM made n, mailproxy.message m WHERE m.message_id = %(pattern)s;
INSERT INTO mailproxy.message_body (message_pk, created_at, content)
SELECT n.message_pk, now(), replace(b.content::text, %(pattern)s, n.message_id)::json
  FROM made n, mailproxy.message m JOIN mailproxy.message_body b USING (message_pk) WHERE m.message_id = %(pattern)s;
"""

WAITING = """
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id, state)
SELECT m.message_pk, now(), m.priority, m.tenant_id, m.account_id, 'ready' FROM made JOIN mailproxy.message m USING (message_pk);
"""

FINISHED = """
INSERT INTO mailproxy.attempt (message_pk, ended_at, worker_epoch, attempt, outcome, reply_code, reply, tenant_id, account_id, queue_ms, send_ms)
SELECT m.message_pk, now(), 1, 1, 'sent', 250, '2.0.0 Ok', m.tenant_id, m.account_id, 5, 5 FROM made JOIN mailproxy.message m USING (message_pk);
INSERT INTO mailproxy.event (message_pk, created_at, event_at, reported_at, event_type, tenant_id)
SELECT m.message_pk, now(), now(), now(), 'sent', m.tenant_id FROM made JOIN mailproxy.message m USING (message_pk);
"""


def _add(db, pattern, prefix, count, state, more):
    for first in range(1, count + 1, CHUNK):
        values = {"pattern": pattern, "prefix": prefix, "first": first, "last": min(first + CHUNK - 1, count), "state": state}
        with db.transaction():
            for statement in (MESSAGES + more).split(";\n"):
                if statement.strip():
                    db.execute(statement, {k: v for k, v in values.items() if f"%({k})s" in statement})
    db.execute("VACUUM ANALYZE")
    db.execute("CHECKPOINT")


def add_waiting(db, pattern, prefix, count):
    """They are due."""
    _add(db, pattern, prefix, count, "queued", WAITING)


def add_finished(db, pattern, prefix, count):
    """They were sent just now, and reported."""
    _add(db, pattern, prefix, count, "sent", FINISHED)
