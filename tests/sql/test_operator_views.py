"""The views for operators, each on states as the programs' own statements make them."""

import datetime

import psycopg
import pytest
from support.operators import Desk


@pytest.fixture
def desk(database):
    desk = Desk(database)
    yield desk
    desk.close()


# Backlogs.

def test_a_backlog_counts_each_state_and_the_oldest_that_is_due(desk):
    desk.messages(6)
    held = desk.messages(1, batch_code="spring")
    desk.sql("UPDATE mailproxy.tenant SET suspended_batches = '{spring}' WHERE tenant_id = 'acme'")
    worker = desk.worker()
    worker.record(worker.claim(most=1), "deferred", "message", code=450, reason="450 busy", retry_s=600)
    worker.claim(most=2)
    desk.sql("UPDATE mailproxy.queue SET due_at = now() - interval '1 hour' WHERE state = 'held'")
    desk.sql("UPDATE mailproxy.queue SET due_at = now() - interval '10 minutes' WHERE state = 'ready'")
    row = desk.row("SELECT * FROM mailproxy.account_backlog")
    assert len(held) == 1
    assert (row["messages"], row["ready"], row["sending"], row["deferred"], row["held"]) == (7, 3, 2, 1, 1)
    assert row["oldest_due_at"] == desk.value("SELECT due_at FROM mailproxy.queue WHERE state = 'ready' LIMIT 1")
    assert (row["per_minute"], row["drained_in"]) == (None, None)


def test_a_backlog_tells_when_it_will_be_gone_at_the_pace_of_the_last_minutes(desk):
    desk.messages(30)
    worker = desk.worker()
    worker.record(worker.claim(most=10))
    row = desk.row("SELECT * FROM mailproxy.account_backlog")
    assert (row["messages"], float(row["per_minute"])) == (20, 2)
    assert row["drained_in"] == datetime.timedelta(minutes=10)
    desk.sql("UPDATE mailproxy.attempt SET ended_at = ended_at - interval '6 minutes'")
    assert desk.value("SELECT drained_in FROM mailproxy.account_backlog") is None


def test_a_backlog_is_drained_no_faster_than_its_accounts_limits_allow(desk):
    desk.messages(30)
    desk.sql("UPDATE mailproxy.account SET limit_per_hour = 60")
    assert desk.value("SELECT drained_in FROM mailproxy.account_backlog") == datetime.timedelta(minutes=30)


def test_a_tenants_backlog_is_that_of_its_accounts(desk):
    desk.account(account="slow", limit_per_hour=60)
    desk.messages(4)
    desk.messages(2, account="slow")
    desk.account(tenant="other")
    desk.sql("UPDATE mailproxy.tenant SET suspended_batches = '{*}' WHERE tenant_id = 'acme'")
    rows = desk.rows("SELECT tenant_id, accounts, messages, ready, drained_in, suspended_batches FROM mailproxy.tenant_backlog")
    assert rows == [{"tenant_id": "acme", "accounts": 2, "messages": 6, "ready": 6, "drained_in": None, "suspended_batches": ["*"]}]
    desk.sql("UPDATE mailproxy.account SET limit_per_minute = 4 WHERE account_id = 'main'")
    assert desk.value("SELECT drained_in FROM mailproxy.tenant_backlog") == datetime.timedelta(minutes=2)  # of the slower one


# Workers.

def test_what_is_in_flight_is_shown_with_who_has_it(desk):
    name, = desk.messages(1)
    worker = desk.worker()
    assert desk.rows("SELECT * FROM mailproxy.in_flight") == []
    worker.claim()
    row = desk.row("SELECT * FROM mailproxy.in_flight")
    assert (row["tenant_id"], row["account_id"], row["message_id"], row["attempt"]) == ("acme", "main", name, 1)
    assert (row["worker"], row["host"], row["worker_lives"]) == (worker.epoch, "test", True)
    desk.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '2 hours'")
    assert desk.value("SELECT worker_lives FROM mailproxy.in_flight") is False


def test_a_worker_is_alive_silent_dead_stopped_or_reaped(desk):
    workers = [desk.worker() for _ in range(5)]
    desk.messages(3)
    workers[0].claim()
    for worker, change in zip(workers[1:], ["heartbeat_at = now() - interval '31 minutes'", "heartbeat_at = now() - interval '61 minutes'",
                                            "ended_at = now(), ended_how = 'stopped'",
                                            "ended_at = now() - interval '25 hours', ended_how = 'reaped'"]):
        desk.sql(f"UPDATE mailproxy.worker SET {change} WHERE epoch = {worker.epoch}")
    rows = desk.rows("SELECT state, leases, connections FROM mailproxy.worker_status ORDER BY worker")
    assert [r["state"] for r in rows] == ["alive", "silent", "dead", "stopped"]
    assert rows[0]["leases"] == 3 and rows[0]["connections"] > 0
    desk.sql(f"UPDATE mailproxy.queue SET lease_epoch = {workers[4].epoch}")
    assert desk.row("SELECT state, leases FROM mailproxy.worker_status WHERE state = 'reaped'") == {"state": "reaped", "leases": 3}


# Limits and accounts.

def test_a_limit_shows_what_was_taken_what_is_under_way_and_what_is_left(desk):
    desk.account(account="few", limit_per_minute=5, limit_per_day=1000)
    desk.sql("""UPDATE mailproxy.tenant SET rate_limits = '{"hourly": 100}' WHERE tenant_id = 'acme'""")
    desk.messages(10, account="few")
    worker = desk.worker()
    worker.record(worker.claim(most=2))
    worker.claim(most=1)
    rows = {(r["account_id"], r["period"]): r for r in desk.rows("SELECT * FROM mailproxy.rate_status")}
    assert {key: (r["most"], r["taken"], r["under_way"], r["remaining"], r["frees_at"]) for key, r in rows.items()} == {
        ("few", "minute"): (5, 2, 1, 2, None), ("few", "day"): (1000, 2, 1, 997, None), (None, "hour"): (100, 2, 1, 97, None)}
    worker.claim()
    row = desk.row("SELECT remaining, frees_at, (SELECT min(bucket_at) FROM mailproxy.rate_bucket WHERE period = 'minute')"
                   " + interval '1 minute' AS first FROM mailproxy.rate_status WHERE period = 'minute'")
    assert row["remaining"] == 0 and row["frees_at"] == row["first"]


def test_nothing_frees_a_limit_that_is_all_under_way(desk):
    desk.account(account="few", limit_per_minute=2)
    desk.messages(3, account="few")
    desk.worker().claim()
    assert desk.row("SELECT taken, under_way, remaining, frees_at FROM mailproxy.rate_status") == {
        "taken": 0, "under_way": 2, "remaining": 0, "frees_at": None}


def health_of(desk, account="main"):
    return desk.row("SELECT * FROM mailproxy.account_health WHERE tenant_id = 'acme' AND account_id = %s", account)


def test_an_account_that_fails_is_shown_from_its_first_failure_until_it_is_well(desk):
    desk.messages(3)
    worker = desk.worker()
    assert health_of(desk)["state"] == "ok"
    worker.record(worker.claim(most=1), "deferred", "account", phase="connect", code=None, reason="connection refused", retry_s=60)
    row = health_of(desk)
    assert (row["state"], row["reason"], row["failures"]) == ("backed off", "the account is being backed off: connection refused", 1)
    assert row["next_try_at"] > row["failing_since"]
    desk.sql("UPDATE mailproxy.account_state SET gate_until = now() - interval '1 second'")
    assert health_of(desk)["state"] == "to be tried"
    claimed = worker.claim(most=1)
    assert health_of(desk)["state"] == "being tried"
    worker.record(claimed, "deferred", "account", phase="auth", code=535, reason="535 no", retry_s=60)
    again = health_of(desk)
    assert (again["state"], again["reason"], again["failures"], again["failing_since"]) == ("backed off", "the account is being backed off: 535 no (SMTP 535)", 2, row["failing_since"])
    desk.sql("UPDATE mailproxy.account_state SET gate_until = now() - interval '1 second'")
    worker.record(worker.claim(most=1))
    row = health_of(desk)
    assert (row["state"], row["reason"], row["failures"], row["failing_since"], row["next_try_at"]) == ("ok", None, 0, None, None)


def test_an_account_is_at_its_limit_until_a_time(desk):
    desk.account(account="few", limit_per_minute=2)
    desk.messages(5, account="few")
    worker = desk.worker()
    worker.record(worker.claim())
    worker.claim()
    row = health_of(desk, "few")
    assert (row["state"], row["reason"]) == ("at limit", "rate limit of 2 per minute reached")
    assert row["next_try_at"] > desk.value("SELECT now()") and row["failing_since"] is None


def test_an_account_whose_token_endpoint_fails_has_no_access_token(desk):
    desk.sql("INSERT INTO mailproxy.account_token (tenant_id, account_id, account_version, last_error, retry_at)"
             " VALUES ('acme', 'main', 1, 'invalid_client', now() + interval '1 minute')")
    assert (health_of(desk)["state"], health_of(desk)["reason"]) == ("no access token", "invalid_client")
    desk.sql("UPDATE mailproxy.account SET version = 2")
    assert health_of(desk)["state"] == "ok"


def test_an_account_that_is_paused_says_why_and_not_how_long(desk):
    desk.messages(3)
    worker = desk.worker()
    worker.record(worker.claim(most=1))
    assert desk.value("SELECT drained_in FROM mailproxy.account_backlog") is not None
    desk.sql("SELECT mailproxy.pause('acme', 'main', reason => 'the relay moves')")
    row = health_of(desk)
    assert (row["state"], row["reason"], row["next_try_at"]) == ("paused", "the relay moves", None)
    assert desk.value("SELECT drained_in FROM mailproxy.account_backlog") is None
    assert desk.value("SELECT level FROM mailproxy.health WHERE topic = 'accounts'") == "ok", "somebody wanted it so"


def test_an_account_whose_connections_others_hold_is_crowded(desk):
    desk.account(account="one", max_connections=1)
    desk.messages(3, account="one")
    first, second = desk.worker(), desk.worker()
    assert len(first.claim(most=1)) == 1
    assert second.claim() == []
    assert health_of(desk, "one")["state"] == "crowded"


# What went wrong, how much, how fast.

def test_errors_are_grouped_by_what_the_relay_said_with_the_last_as_an_example(desk):
    names = desk.messages(5)
    worker = desk.worker()
    for count, outcome, code, reason in [(1, "deferred", 450, "450 busy"), (2, "error", 550, "550 no such user"), (1, "deferred", None, "timed out"),
                                         (1, "sent", 250, None)]:
        worker.record(worker.claim(most=count), outcome, "none" if outcome == "sent" else "message", phase="rcpt", code=code, reason=reason, retry_s=60)
    rows = {r["reply_class"]: r for r in desk.rows("SELECT * FROM mailproxy.recent_error")}
    assert {k: (r["reply_code"], r["attempts"], r["outcome"], r["example_reply"]) for k, r in rows.items()} == {
        "4xx": (450, 1, "deferred", "450 busy"), "5xx": (550, 2, "error", "550 no such user"), "none": (None, 1, "deferred", "timed out")}
    assert rows["5xx"]["example_message_id"] in names
    desk.sql("DELETE FROM mailproxy.message")
    assert desk.rows("SELECT DISTINCT example_message_id FROM mailproxy.recent_error") == [{"example_message_id": None}]
    desk.sql("UPDATE mailproxy.attempt SET ended_at = now() - interval '61 minutes' WHERE outcome = 'error'")
    assert len(desk.rows("SELECT FROM mailproxy.recent_error")) == 2


def test_throughput_counts_what_came_in_and_what_ended_by_the_minute(desk):
    desk.messages(5)
    worker = desk.worker()
    worker.record(worker.claim(most=3))
    worker.record(worker.claim(most=1), "error", "message", code=550, reason="550 no")
    worker.record(worker.claim(most=1), "deferred", "message", code=450, reason="450 busy", retry_s=60)
    desk.sql("UPDATE mailproxy.attempt SET ended_at = date_trunc('minute', now()) - interval '2 minutes'")
    rows = desk.rows("SELECT accepted, attempts, sent, deferred, errors FROM mailproxy.throughput WHERE tenant_id = 'acme' ORDER BY minute")
    totals = {column: sum(r[column] for r in rows) for column in rows[0]}
    assert len(rows) >= 2 and totals == {"accepted": 5, "attempts": 5, "sent": 3, "deferred": 1, "errors": 1}
    assert {"accepted": 0, "attempts": 5, "sent": 3, "deferred": 1, "errors": 1} in rows


def test_latency_is_told_by_percentiles_of_the_whole_way_and_its_parts(desk):
    desk.messages(100)
    worker = desk.worker()
    while claimed := worker.claim():
        worker.record(claimed)
    desk.sql("UPDATE mailproxy.attempt SET ended_at = date_trunc('minute', now()), queue_ms = n, send_ms = 1000, connect_ms = 5"
             "  FROM (SELECT attempt_pk AS pk, row_number() OVER () AS n FROM mailproxy.attempt) x WHERE pk = attempt_pk")
    assert desk.row("SELECT sent, p50_ms, p95_ms, p99_ms, p95_queue_ms, p95_relay_ms FROM mailproxy.latency") == {
        "sent": 100, "p50_ms": 1055, "p95_ms": 1100, "p99_ms": 1104, "p95_queue_ms": 95, "p95_relay_ms": 1005}


# Reports.

def test_a_report_is_overdue_after_a_minute_and_says_why(desk):
    desk.messages(2)
    worker = desk.worker()
    worker.record(worker.claim())
    desk.sql("UPDATE mailproxy.tenant SET client_base_url = 'http://store.test' WHERE tenant_id = 'acme'")
    assert desk.rows("SELECT * FROM mailproxy.report_overdue") == []
    desk.sql("UPDATE mailproxy.event SET created_at = created_at - interval '2 minutes'")
    for change, reason, may_be_called in [
            ("", "it waits for its turn", True),
            ("UPDATE mailproxy.tenant_sync SET failures = 3, last_error = 'refused', retry_at = now() + interval '40 s'", "its calls fail", True),
            ("UPDATE mailproxy.tenant_sync SET lease_epoch = 1, lease_token = 1, leased_at = now()", "it is being called", True),
            ("UPDATE mailproxy.instance SET active = false", "the service is not active: nobody is called", True),
            ("UPDATE mailproxy.instance SET active = true; UPDATE mailproxy.tenant SET client_base_url = NULL",
             "it has no client_base_url: there is nobody to call", False)]:
        if change:
            desk.sql(change)
        row = desk.row("SELECT * FROM mailproxy.report_overdue WHERE tenant_id = 'acme'")
        assert (row["untold"], row["reason"], row["may_be_called"]) == (2, reason, may_be_called)
    assert (row["failures"], row["last_error"]) == (3, "refused")
    desk.sql("UPDATE mailproxy.event SET reported_at = now()")
    assert desk.rows("SELECT * FROM mailproxy.report_overdue") == []


def test_of_tenant_default_it_is_said_that_only_the_workers_know(desk):
    desk.sql("INSERT INTO mailproxy.event (message_pk, created_at, event_at, event_type, tenant_id)"
             " VALUES (1, now() - interval '2 minutes', now(), 'sent', 'default')")
    row = desk.row("SELECT * FROM mailproxy.report_overdue")
    assert "GMP_CLIENT_SYNC_URL" in row["reason"] and row["may_be_called"] is False


# PostgreSQL itself.

def test_whoever_holds_a_snapshot_is_named_with_what_ends_it(desk, database):
    with psycopg.connect(database, application_name="forgotten report") as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT FROM mailproxy.queue")
        pid = other.info.backend_pid
        row = desk.row("SELECT * FROM mailproxy.snapshot_holder WHERE application_name = 'forgotten report'")
        assert (row["kind"], row["pid"], row["state"]) == ("session", pid, "idle in transaction")
        assert row["since"] <= desk.value("SELECT now()") and "mailproxy.queue" in row["query"]
        desk.sql(row["how_to_end"])
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")
    assert desk.rows("SELECT FROM mailproxy.snapshot_holder WHERE application_name = 'forgotten report'") == []


def test_dead_rows_of_the_hot_tables_are_counted(desk):
    desk.messages(100)
    desk.sql("UPDATE mailproxy.queue SET attempts = 1")
    desk.sql("SELECT pg_stat_force_next_flush()")
    row = desk.row("SELECT * FROM mailproxy.hot_table WHERE table_name = 'queue'")
    assert row["live_rows"] == 100 and row["dead_rows"] > 0 and row["table_octets"] > 0 and row["index_octets"] > 0
    desk.sql("VACUUM ANALYZE mailproxy.queue")
    row = desk.row("SELECT * FROM mailproxy.hot_table WHERE table_name = 'queue'")
    assert row["dead_rows"] == 0 and row["vacuums"] == 1 and row["vacuumed_at"] and row["analyzed_at"]


def test_every_hot_table_there_is_is_shown(desk):
    """A table whose rows are updated in place has a fillfactor that says so."""
    made_for_it = {r["relname"] for r in desk.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace AND relkind = 'r' AND reloptions::text ~ 'fillfactor|vacuum'")}
    assert made_for_it <= {r["table_name"] for r in desk.rows("SELECT table_name FROM mailproxy.hot_table")}
