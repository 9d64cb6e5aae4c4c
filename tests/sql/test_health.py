"""The view health: a sentence and a remedy for each thing that can be wrong, and silence otherwise."""

import psycopg
import pytest
from support.operators import Desk


@pytest.fixture
def desk(database):
    desk = Desk(database)
    yield desk
    desk.close()


def level(desk, topic, says=None):
    row = desk.row("SELECT * FROM mailproxy.health WHERE topic = %s", topic)
    assert (row["to_do"] is None) == (row["level"] == "ok"), row
    assert says is None or says in row["says"], row
    return row["level"]


def test_all_is_well_with_a_living_worker_and_nothing_overdue(desk):
    desk.messages(3)
    desk.worker()
    # Who else uses this cluster is no concern of this test.
    assert desk.rows("SELECT * FROM mailproxy.health WHERE level <> 'ok' AND topic NOT IN ('oldest snapshot', 'connections')") == []
    assert len(desk.rows("SELECT topic FROM mailproxy.health")) == len({r["topic"] for r in desk.rows("SELECT topic FROM mailproxy.health")}) == 12


def test_a_service_that_is_not_active(desk):
    desk.sql("UPDATE mailproxy.instance SET active = false")
    assert level(desk, "service", "nothing is sent") == "warn"


def test_a_restore_that_nobody_has_agreed_to(desk):
    desk.sql("UPDATE mailproxy.instance SET restore_found_at = now(), restore_found_by = 1, restore_seen_at = now(), restore_seen_epoch = 1")
    assert level(desk, "service", "was restored to a state before") == "critical"


def test_no_worker_with_and_without_a_backlog(desk):
    assert level(desk, "workers", "0 messages wait") == "warn"
    desk.messages(2)
    assert level(desk, "workers", "2 messages wait") == "critical"


def test_a_worker_that_fell_silent_and_one_that_ended_without_letting_go(desk):
    desk.messages(2)
    worker = desk.worker()
    worker.claim()
    assert level(desk, "dead workers") == "ok"
    desk.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '2 hours'")
    assert level(desk, "dead workers", "(test, pid 1, silent for 02:00:00)") == "warn"
    desk.sql("UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped'")
    assert level(desk, "dead workers", "still hold messages: 1") == "critical"


def test_mail_that_nothing_keeps_from_being_sent_and_is_late(desk):
    desk.messages(2)
    desk.worker()
    desk.sql("UPDATE mailproxy.queue SET due_at = now() - interval '6 minutes'")
    assert level(desk, "backlog", "00:06:0") == "warn"
    desk.sql("UPDATE mailproxy.queue SET due_at = now() - interval '2 hours'")
    assert level(desk, "backlog", "02:00:0") == "critical"
    desk.sql("UPDATE mailproxy.account_state SET failures = 1, gate_until = now() + interval '1 minute', gate_reason = 'refused'")
    assert level(desk, "backlog") == "ok"  # it is the account that is ill
    desk.sql("UPDATE mailproxy.account_state SET failures = 0, gate_until = NULL, gate_reason = NULL")
    desk.sql("UPDATE mailproxy.tenant SET suspended_batches = '{*}'")
    assert level(desk, "backlog") == "ok"


def test_accounts_that_cannot_send_and_which_for_the_longest_time(desk):
    desk.account(account="second")
    desk.sql("UPDATE mailproxy.account_state SET failures = 1, gate_until = now() + interval '1 minute', gate_reason = 'refused by ' || account_id,"
             " failing_since = now() - CASE account_id WHEN 'main' THEN interval '1 minute' ELSE interval '1 hour' END WHERE tenant_id = 'acme'")
    assert level(desk, "accounts", "cannot send: 2; for the longest time acme/second: refused by second") == "warn"


def test_reports_that_are_overdue_where_somebody_is_to_be_told(desk):
    desk.sql("INSERT INTO mailproxy.event (message_pk, created_at, event_at, event_type, tenant_id)"
             " VALUES (1, now() - interval '6 minutes', now(), 'sent', 'acme')")
    assert level(desk, "reports") == "ok"
    desk.sql("UPDATE mailproxy.tenant SET client_base_url = 'http://store.test' WHERE tenant_id = 'acme'")
    desk.sql("UPDATE mailproxy.tenant_sync SET failures = 1, last_error = 'connection refused'")
    assert level(desk, "reports", "acme: connection refused") == "warn"
    desk.sql("UPDATE mailproxy.event SET created_at = now() - interval '61 minutes'")
    assert level(desk, "reports") == "critical"


def test_partitions_that_are_missing_today_or_soon(desk):
    day = "SELECT to_char((now() AT TIME ZONE 'UTC')::date + %s, 'YYYYMMDD') AS day"
    desk.sql(f"DROP TABLE mailproxy.event_{desk.value(day, 2)}")
    assert level(desk, "partitions", "event_") == "warn"
    desk.sql(f"DROP TABLE mailproxy.message_body_{desk.value(day, 0)}")
    assert level(desk, "partitions", "today has no partition message_body_") == "critical"
    desk.sql("SELECT mailproxy.create_partitions()")
    assert level(desk, "partitions") == "ok"


def test_the_oldest_snapshot_is_held_by_somebody(desk, database):
    """Its age cannot be made by a test: who it is that is named, and that five minutes are not reached."""
    with psycopg.connect(database, application_name="forgotten") as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        who = f"session {other.info.backend_pid} of mailproxy (forgotten, idle in transaction)"
        oldest = desk.row("SELECT * FROM mailproxy.health WHERE topic = 'oldest snapshot'")
        assert who in oldest["says"] or "held by session" in oldest["says"]
        assert desk.rows("SELECT FROM mailproxy.snapshot_holder WHERE application_name = 'forgotten'")


def test_dead_rows_that_autovacuum_does_not_remove(desk):
    desk.sql("ALTER TABLE mailproxy.queue SET (autovacuum_enabled = off)")
    desk.messages(20000)
    for _ in range(3):
        desk.sql("UPDATE mailproxy.queue SET attempts = attempts + 1")
    desk.sql("SELECT pg_stat_force_next_flush()")
    assert level(desk, "dead rows", "queue: 60000 dead rows, 20000 live ones, last vacuumed never") == "warn"
    desk.sql("VACUUM mailproxy.queue")
    assert level(desk, "dead rows") == "ok"
