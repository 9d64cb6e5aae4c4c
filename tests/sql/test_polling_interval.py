"""When a tenant without news is polled: the rules, hour by hour, and what one change to them sets off."""

import pathlib

import psycopg
import pytest
from psycopg import errors
from support.builds import ROOT

DEFAULT_S = 300
ROME = "Europe/Rome"
MONDAY_NOON = "2026-03-02 12:00+01"  # in Rome


@pytest.fixture(scope="module")
def connection(cluster, template):
    url = cluster.create_database("polling", template)
    with psycopg.connect(url) as conn:
        yield conn
    cluster.drop_database("polling")


@pytest.fixture
def db(connection):
    """Each test in a transaction that leaves nothing."""
    yield connection
    connection.rollback()


def rule(minutes=1, **fields):
    return {"name": None, "enabled": True, "priority": 0, "days": [], "start_hour": None, "end_hour": None,
            "cross_midnight": False, "interval_minutes": minutes, **fields}


def insert(db, *rules):
    for fields in rules:
        columns = ", ".join(fields)
        values = ", ".join(f"%({name})s" for name in fields)
        db.execute(f"INSERT INTO mailproxy.rule ({columns}) VALUES ({values})", fields)


def interval(db, moment=MONDAY_NOON, zone=ROME):
    return db.execute("SELECT mailproxy.polling_interval(%s, %s, %s)", (DEFAULT_S, zone, moment)).fetchone()[0]


CASES = {
    "no rules are stored": ([], MONDAY_NOON, DEFAULT_S),
    "none is enabled: no polling at all": ([rule(5, enabled=False)], MONDAY_NOON, None),
    "a bare rule always matches": ([rule(5)], MONDAY_NOON, 300),
    "the last matching rule wins": ([rule(5), rule(7, priority=1), rule(9, priority=2, days=[6])], MONDAY_NOON, 420),
    "the later id wins where priorities are equal": ([rule(5), rule(7)], MONDAY_NOON, 420),
    "a disabled rule does not match": ([rule(5), rule(7, priority=1, enabled=False)], MONDAY_NOON, 300),
    "rules, but none matches now": ([rule(5, days=[1])], MONDAY_NOON, 60),
    "0 is Monday": ([rule(5, days=[0])], MONDAY_NOON, 300),
    "6 is Sunday": ([rule(5, days=[6])], "2026-03-08 12:00+01", 300),
    "days out of range never match": ([rule(5, days=[7, -1, 9, 2147483647])], MONDAY_NOON, 60),
    "a day out of range beside one that fits": ([rule(5, days=[9, 0])], MONDAY_NOON, 300),
    "the day begins at midnight in the zone, before": ([rule(5, days=[0])], "2026-03-01 22:59:59+00", 60),
    "the day begins at midnight in the zone, after": ([rule(5, days=[0])], "2026-03-01 23:00:00+00", 300),
    "the first hour belongs to the window": ([rule(5, start_hour=9, end_hour=18)], "2026-03-02 09:00+01", 300),
    "minutes are ignored": ([rule(5, start_hour=9, end_hour=18)], "2026-03-02 17:59:59+01", 300),
    "the last hour does not": ([rule(5, start_hour=9, end_hour=18)], "2026-03-02 18:00+01", 60),
    "before the window": ([rule(5, start_hour=9, end_hour=18)], "2026-03-02 08:59+01", 60),
    "only a start: always": ([rule(5, start_hour=23)], MONDAY_NOON, 300),
    "only an end: always": ([rule(5, end_hour=1)], MONDAY_NOON, 300),
    "start and end alike: never": ([rule(5, start_hour=12, end_hour=12)], MONDAY_NOON, 60),
    "start and end alike across midnight: always": ([rule(5, start_hour=12, end_hour=12, cross_midnight=True)],
                                                    MONDAY_NOON, 300),
    "start after end: never": ([rule(5, start_hour=22, end_hour=6)], "2026-03-02 23:00+01", 60),
    "across midnight, before it": ([rule(5, start_hour=22, end_hour=6, cross_midnight=True)], "2026-03-02 22:00+01", 300),
    "across midnight, after it": ([rule(5, start_hour=22, end_hour=6, cross_midnight=True)], "2026-03-02 05:59+01", 300),
    "across midnight, at its end": ([rule(5, start_hour=22, end_hour=6, cross_midnight=True)], "2026-03-02 06:00+01", 60),
    "across midnight, at noon": ([rule(5, start_hour=22, end_hour=6, cross_midnight=True)], MONDAY_NOON, 60),
    "after midnight the new day counts": ([rule(5, days=[0], start_hour=22, end_hour=6, cross_midnight=True)],
                                          "2026-03-03 01:00+01", 60),
    "cross_midnight without hours: always": ([rule(5, cross_midnight=True)], MONDAY_NOON, 300),
    "until midnight there is no end hour but 23": ([rule(5, start_hour=20, end_hour=23)], "2026-03-02 23:00+01", 60),
    # On 29 March 2026 clocks in Rome go from 1:59 to 3:00, on 25 October from 2:59 back to 2:00.
    "the hour that summer time skips, before": ([rule(5, start_hour=2, end_hour=3)], "2026-03-29 00:59:59+00", 60),
    "the hour that summer time skips, after": ([rule(5, start_hour=2, end_hour=3)], "2026-03-29 01:00:00+00", 60),
    "summer time": ([rule(5, start_hour=9, end_hour=18)], "2026-07-06 07:00+00", 300),
    "summer time, an hour earlier": ([rule(5, start_hour=9, end_hour=18)], "2026-07-06 06:59+00", 60),
    "winter time": ([rule(5, start_hour=9, end_hour=18)], "2026-01-05 08:00+00", 300),
    "winter time, an hour earlier": ([rule(5, start_hour=9, end_hour=18)], "2026-01-05 07:59+00", 60),
    "the hour that comes twice, first": ([rule(5, start_hour=2, end_hour=3)], "2026-10-25 00:30+00", 300),
    "the hour that comes twice, second": ([rule(5, start_hour=2, end_hour=3)], "2026-10-25 01:30+00", 300),
    "the hour after it": ([rule(5, start_hour=2, end_hour=3)], "2026-10-25 02:00+00", 60),
    "the longest interval there is": ([rule(2147483647)], MONDAY_NOON, 2147483647 * 60),
}


@pytest.mark.parametrize("case", CASES)
def test_polling_interval(db, case):
    rules, moment, expected = CASES[case]
    insert(db, *rules)
    assert interval(db, moment) == expected


@pytest.mark.parametrize("zone, moment, expected", [
    (ROME, "2026-03-02 08:00+00", 300), ("UTC", "2026-03-02 09:00+00", 300), ("UTC", "2026-03-02 08:00+00", 60),
    ("America/New_York", "2026-03-02 14:00+00", 300), ("Asia/Kolkata", "2026-03-02 03:30+00", 300),
    ("Pacific/Kiritimati", "2026-03-01 19:00+00", 300),
])
def test_the_time_zone_says_which_hour_it_is(db, zone, moment, expected):
    insert(db, rule(5, days=[0], start_hour=9, end_hour=18))
    assert interval(db, moment, zone) == expected


@pytest.mark.parametrize("zone", ["Europe/Roma", "", "  ", "no zone", "../../etc/passwd", "'; --", "Europe/Rome\n"])
def test_a_zone_that_is_gone_counts_as_utc_and_breaks_no_claim(db, zone):
    assert db.execute("SELECT mailproxy.local_time(now(), %s)", (zone,)).fetchone()[0] is None
    insert(db, rule(5, start_hour=9, end_hour=10))
    assert interval(db, "2026-03-02 09:30+00", zone) == 300
    assert interval(db, "2026-03-02 08:30+00", zone) == 60


def test_the_moment_is_now_unless_given(db):
    insert(db, rule(5, days=[db.execute("SELECT extract(isodow FROM now() AT TIME ZONE 'UTC')::integer - 1").fetchone()[0]]))
    assert db.execute("SELECT mailproxy.polling_interval(1, 'UTC')").fetchone()[0] == 300


@pytest.mark.parametrize("fields", [{"start_hour": 24}, {"end_hour": -1}, {"interval_minutes": 0}])
def test_rules_that_make_no_sense_are_refused(db, fields):
    with pytest.raises(errors.CheckViolation):
        insert(db, rule(**fields))


# ---- who is due

DUE = {
    "never called": ({"last_sync_at": None}, True, 300, True),
    "the interval is over": ({"last_sync_at": "-301 s"}, True, 300, True),
    "it is not": ({"last_sync_at": "-290 s"}, True, 300, False),
    "no polling": ({"last_sync_at": None}, True, None, False),
    "not active": ({"last_sync_at": None}, False, 300, False),
    "news, just called": ({"last_sync_at": "0 s", "news_seq": 2}, True, 300, True),
    "news, no polling": ({"last_sync_at": "0 s", "news_seq": 2}, True, None, True),
    "news, not active": ({"last_sync_at": "0 s", "news_seq": 2}, False, 300, True),
    "not to be disturbed": ({"last_sync_at": "1 hour"}, True, 300, False),
    "not to be disturbed, but news": ({"last_sync_at": "1 hour", "news_seq": 2}, True, 300, True),
    "the wish has ended, not yet the interval": ({"last_sync_at": "-1 s"}, True, 300, False),
    "news, but the last call failed": ({"last_sync_at": None, "news_seq": 2, "retry_at": "5 s"}, True, 300, False),
    "the interval is over, but the last call failed": ({"last_sync_at": None, "retry_at": "5 s"}, True, 300, False),
    "the pause is over": ({"last_sync_at": "-301 s", "retry_at": "-1 s"}, True, 300, True),
    "thousands of years": ({"last_sync_at": "-1 hour"}, True, 2147483647 * 60, False),
}


@pytest.mark.parametrize("case", DUE)
def test_sync_is_due(db, case):
    fields, active, interval_s, expected = DUE[case]
    db.execute("UPDATE mailproxy.tenant_sync SET news_seq = %s, told_seq = 1, last_sync_at = now() + %s::interval,"
               " retry_at = now() + %s::interval WHERE tenant_id = 'default'",
               (fields.get("news_seq", 1), fields["last_sync_at"], fields.get("retry_at")))
    found = db.execute("SELECT mailproxy.sync_is_due(s, %s, %s) FROM mailproxy.tenant_sync s WHERE tenant_id = 'default'",
                       (active, interval_s)).fetchone()[0]
    assert found is expected


def test_sync_is_due_is_inlined_where_tenants_are_claimed(db):
    text = pathlib.Path(ROOT, "sql", "statements", "report", "claim_tenants.sql").read_text()
    db.execute(f"PREPARE claim_tenants AS {text}")
    plan = "\n".join(line for line, in db.execute(
        "EXPLAIN (VERBOSE) EXECUTE claim_tenants (1, '{}', 300, 'UTC', false, 10, 5)"))
    assert "news_seq > y.told_seq" in plan and "sync_is_due" not in plan
    assert plan.count("polling_interval(") == 1, "asked once, not for each tenant"


# ---- the pause after a failure

def fail(db, retry_after=None):
    text = pathlib.Path(ROOT, "sql", "statements", "report", "fail_report.sql").read_text()
    if db.execute("SELECT FROM pg_prepared_statements WHERE name = 'fail_report'").fetchone() is None:
        db.execute(f"PREPARE fail_report AS {text}")
    db.execute("UPDATE mailproxy.tenant_sync SET lease_epoch = 1, lease_token = 7, leased_at = now() WHERE tenant_id = 'default'")
    db.execute(f"EXECUTE fail_report ('default', 7, 'why', {'NULL' if retry_after is None else retry_after})")
    return db.execute("SELECT failures, extract(epoch FROM retry_at - now())::float8 FROM mailproxy.tenant_sync"
                      " WHERE tenant_id = 'default'").fetchone()


def test_the_pause_doubles_from_5_to_300_seconds(db):
    for failures, pause in enumerate([5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300, 300, 300, 300], 1):
        found, seconds = fail(db)
        assert found == failures
        assert pause <= seconds <= min(1.1 * pause, 300)


@pytest.mark.parametrize("asked, pause", [(0, 0), (1, 1), (120, 120), (86400, 86400), (10**12, 86400)])
def test_a_pause_that_is_asked_for_is_kept_up_to_a_day(db, asked, pause):
    assert fail(db, retry_after=asked)[1] == pause


# ---- what wakes the workers

@pytest.mark.parametrize("sql, wakes", [
    ("INSERT INTO mailproxy.rule (priority) VALUES (0)", True),
    ("UPDATE mailproxy.rule SET enabled = NOT enabled", True),
    ("DELETE FROM mailproxy.rule", True),
    ("TRUNCATE mailproxy.rule", True),
    ("UPDATE mailproxy.instance SET active = active", True),
    ("UPDATE mailproxy.instance SET name = 'other'", False),
    ("UPDATE mailproxy.tenant_sync SET news_seq = news_seq + 1", False),
])
def test_a_change_by_sql_wakes_the_workers(database, sql, wakes):
    with psycopg.connect(database, autocommit=True) as worker, psycopg.connect(database, autocommit=True) as dba:
        dba.execute("INSERT INTO mailproxy.rule (priority) VALUES (0)")
        worker.execute("LISTEN mailproxy_wake")
        worker.execute("LISTEN the_end")
        dba.execute(sql)
        dba.execute("NOTIFY the_end")  # what is notified comes in the order of the commits
        first = next(iter(worker.notifies())).channel
        assert first == ("mailproxy_wake" if wakes else "the_end")
