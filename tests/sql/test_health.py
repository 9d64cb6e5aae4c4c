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


# What is ill after five minutes and worse after an hour; the view is asked in the same transaction, whose now() stands still.
AGES = {"5 minutes": "ok", "5 minutes 1 second": "warn", "1 hour": "warn", "1 hour 1 second": "critical"}


def level_of_ages(desk, topic, make_it_old):
    levels = {}
    for age in AGES:
        with desk.db.transaction():
            desk.sql(make_it_old, age)
            levels[age] = level(desk, topic)
    return levels


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
    for age, expected in {"1 hour": "ok", "1 hour 1 second": "warn"}.items():  # its lease_s
        with desk.db.transaction():
            desk.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - %s::interval", age)
            assert level(desk, "dead workers") == expected
            assert level(desk, "workers") == ("ok" if expected == "ok" else "critical"), "one that is silent lives"
    desk.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '2 hours'")
    assert level(desk, "dead workers", "(test, pid 1, silent for 02:00:00)") == "warn"
    desk.sql("UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped'")
    assert level(desk, "dead workers", "still hold messages: 1") == "critical"


def test_mail_that_nothing_keeps_from_being_sent_and_is_late(desk):
    desk.messages(2)
    desk.worker()
    assert level_of_ages(desk, "backlog", "UPDATE mailproxy.queue SET due_at = now() - %s::interval") == AGES
    assert "01:00:0" in desk.row("SELECT says FROM mailproxy.health WHERE topic = 'backlog'")["says"]
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
    assert level_of_ages(desk, "reports", "UPDATE mailproxy.event SET created_at = now() - %s::interval") == AGES


def test_partitions_that_are_missing_today_or_soon(desk):
    day = "SELECT to_char((now() AT TIME ZONE 'UTC')::date + %s, 'YYYYMMDD') AS day"
    desk.sql(f"DROP TABLE mailproxy.event_{desk.value(day, 3)}")
    assert level(desk, "partitions") == "ok"
    desk.sql(f"DROP TABLE mailproxy.attempt_{desk.value(day, 2)}")
    assert level(desk, "partitions", "no partition attempt_") == "warn"
    desk.sql(f"DROP TABLE mailproxy.message_attachment_{desk.value(day, 1)}")
    assert level(desk, "partitions", "no partition message_attachment_") == "warn"
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


def test_how_old_the_oldest_snapshot_may_be(desk):
    """
    Nobody can wait for that: the view that finds who holds snapshots is replaced by one with a holder made up, beside one that is young.
    Of a replication slot it is not known since when; that must not hide it.
    """
    cases = [(None, 5000000, "ok"), (None, 5000001, "warn"), (None, 50000000, "warn"), (None, 50000001, "critical"),
             *[(age, 1, expected) for age, expected in AGES.items()], ("1 hour 1 second", None, "critical")]
    for age, transactions, expected in cases:
        desk.db.execute(psycopg.sql.SQL(
            "CREATE OR REPLACE VIEW mailproxy.snapshot_holder AS"
            " SELECT 'session' AS kind, 8 AS pid, 'bob' COLLATE \"C\" AS name, 'psql' AS application_name, 'active' AS state, now() AS since,"
            " interval '2 seconds' AS age, 3 AS transactions, '' AS query, 'leave him' COLLATE \"C\" AS how_to_end"
            " UNION ALL SELECT 'replication slot', NULL, 'standby', NULL, 'inactive', NULL, {}::interval, {}::integer, NULL, 'drop it'"
        ).format(age, transactions))
        row = desk.row("SELECT * FROM mailproxy.health WHERE topic = 'oldest snapshot'")
        assert row["level"] == expected, (age, transactions)
        if expected != "ok":
            assert row["says"].startswith("held by replication slot standby (inactive), for ") and row["to_do"].endswith("drop it")


@pytest.fixture
def churned(desk):
    """A table that always changes, without an index to pay for, which autovacuum leaves alone; dead(n) makes n dead rows in it more."""
    desk.sql("ALTER TABLE mailproxy.attempt_counter SET (autovacuum_enabled = off)")
    desk.sql("ALTER TABLE mailproxy.attempt_counter DROP CONSTRAINT attempt_counter_pkey")

    def rows(count, keep=False):
        desk.sql("BEGIN")
        desk.sql("INSERT INTO mailproxy.attempt_counter (worker_epoch, attempts, total_ms, le_ms, reply_class, outcome)"
                 " SELECT i, 1, 1, 5, 2, 'sent' FROM generate_series(1, %s::integer) i", count)
        desk.sql("COMMIT" if keep else "ROLLBACK")
        desk.sql("SELECT pg_stat_force_next_flush()")

    return rows


def test_how_many_dead_rows_there_may_be(desk, churned):
    assert level(desk, "dead rows") == "ok"
    churned(50000)
    assert level(desk, "dead rows") == "ok"
    churned(1)
    assert level(desk, "dead rows", "attempt_counter: 50001 dead rows, 0 live ones") == "warn"
    churned(30000, keep=True)
    churned(9999)
    assert level(desk, "dead rows") == "ok", "twice as many as live ones"
    churned(1)
    assert level(desk, "dead rows", "60001 dead rows, 30000 live ones") == "warn"
    churned(1000000 - 60001)
    assert level(desk, "dead rows") == "warn"
    churned(1)
    assert level(desk, "dead rows", "1000001 dead rows") == "critical"


def test_how_much_larger_than_what_it_holds_a_table_may_be(desk, churned):
    octets = "SELECT table_octets + index_octets FROM mailproxy.hot_table WHERE table_name = 'attempt_counter'"
    desk.sql("ALTER TABLE mailproxy.attempt_counter SET (fillfactor = 10)")
    churned(100000)
    assert 10_000_000 < desk.value(octets) < 2**27
    assert level(desk, "bloat") == "ok", "large for nothing, and yet small"
    while desk.value(octets) <= 2**27:
        churned(50000)
    assert level(desk, "bloat", "attempt_counter takes") == "warn"
    desk.sql("ALTER TABLE mailproxy.attempt_counter RESET (fillfactor)")
    churned(desk.value(octets) // 3900, keep=True)
    assert level(desk, "bloat") == "ok", "it is large, and holds much"
    desk.sql("DELETE FROM mailproxy.attempt_counter WHERE worker_epoch % 2 = 0; SELECT pg_stat_force_next_flush()")
    assert level(desk, "bloat", "attempt_counter takes") == "warn"
    desk.sql("VACUUM FULL mailproxy.attempt_counter")
    assert level(desk, "bloat") == "ok"


def test_how_many_transaction_ids_may_be_used_up(desk):
    """As if the database had not been frozen for so many; taken back."""
    for used_up, expected in {750000000: "ok", 750000001: "warn", 1500000000: "warn", 1500000001: "critical"}.items():
        with desk.db.transaction(force_rollback=True):
            desk.sql("UPDATE pg_database SET datfrozenxid = ((txid_current() - %s + 4294967296) %% 4294967296)::text::xid"
                     " WHERE datname = current_database()", used_up)
            assert level(desk, "transaction ids") == expected, used_up


def test_how_many_connections_there_may_be(desk, database):
    most = desk.value("SELECT current_setting('max_connections')::integer AS most")
    assert most == 200
    opened, levels = [], {}
    try:
        for used in (159, 160, 189, 190):
            while int(desk.row("SELECT says FROM mailproxy.health WHERE topic = 'connections'")["says"].split()[0]) < used:
                opened.append(psycopg.connect(database))
            levels[used] = level(desk, "connections", f"{used} of 200 used")
    finally:
        for connection in opened:
            connection.close()
    assert levels == {159: "ok", 160: "warn", 189: "warn", 190: "critical"}


def test_dead_rows_that_autovacuum_does_not_remove(desk):
    desk.sql("ALTER TABLE mailproxy.queue SET (autovacuum_enabled = off)")
    desk.messages(20000)
    for _ in range(3):
        desk.sql("UPDATE mailproxy.queue SET attempts = attempts + 1")
    desk.sql("SELECT pg_stat_force_next_flush()")
    assert level(desk, "dead rows", "queue: 60000 dead rows, 20000 live ones, last vacuumed never") == "warn"
    desk.sql("VACUUM mailproxy.queue")
    assert level(desk, "dead rows") == "ok"
