"""The counters of workers that have ended are added to those of epoch 0, and no sum ever changes by it."""

import pathlib

import psycopg
import pytest
from support.builds import ROOT
from support.waiting import wait_for

FOLD = pathlib.Path(ROOT, "sql", "statements", "sweep", "fold_counters.sql").read_text(encoding="utf-8")
RECORD = pathlib.Path(ROOT, "sql", "statements", "record", "record_attempts.sql").read_text(encoding="utf-8")

# Worker 1 has ended, 2 lives, 3 was forgotten; each has counted 1 for one account and 10 for another.
PREPARE = """
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme');
INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('acme');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port) SELECT 'acme', a, 'relay.test', 25 FROM unnest('{a,b}'::text[]) a;
INSERT INTO mailproxy.account_state (tenant_id, account_id) SELECT tenant_id, account_id FROM mailproxy.account;
INSERT INTO mailproxy.worker (host, pid, version, lease_s) SELECT 'h', w, 'v', 60 FROM generate_series(1, 2) w;
UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped' WHERE epoch = 1;
INSERT INTO mailproxy.account_counter (tenant_id, account_id, worker_epoch, sent, errors, deferred, rate_limited, in_doubt)
     SELECT 'acme', a, w, n, n, n, n, n FROM (VALUES ('a', 1), ('b', 10)) v (a, n), generate_series(1, 3) w;
INSERT INTO mailproxy.attempt_counter (worker_epoch, outcome, reply_class, le_ms, attempts, total_ms)
     SELECT w, 'sent', 2, 5, 1, 4 FROM generate_series(1, 3) w;
"""

SUMS = """
SELECT account_id, sum(sent), sum(errors), sum(deferred), sum(rate_limited), sum(in_doubt)
  FROM mailproxy.account_counter GROUP BY account_id
 UNION ALL
SELECT 'attempts', sum(attempts), sum(total_ms), 0, 0, 0 FROM mailproxy.attempt_counter
 ORDER BY 1
"""


@pytest.fixture
def conn(database):
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(PREPARE)
        yield conn


def epochs(conn):
    return [row[0] for row in conn.execute("SELECT DISTINCT worker_epoch FROM mailproxy.account_counter ORDER BY 1")]


def fold(conn):
    return conn.execute(FOLD).fetchone()[0]


def test_the_ended_are_folded_and_the_living_are_left(conn):
    before = conn.execute(SUMS).fetchall()
    assert fold(conn) == 2
    assert conn.execute(SUMS).fetchall() == before
    assert epochs(conn) == [0, 2]
    assert conn.execute("SELECT DISTINCT worker_epoch FROM mailproxy.attempt_counter ORDER BY 1").fetchall() == [(0,), (2,)]
    assert fold(conn) == 0


def test_what_an_ended_worker_counts_late_is_found_later(conn):
    fold(conn)
    conn.execute("INSERT INTO mailproxy.account_counter (tenant_id, account_id, worker_epoch, sent) VALUES ('acme', 'a', 1, 7)")
    before = conn.execute(SUMS).fetchall()
    assert fold(conn) == 1
    assert conn.execute(SUMS).fetchall() == before
    assert epochs(conn) == [0, 2]


def test_one_process_at_a_time_folds(conn, database):
    with psycopg.connect(database) as other:
        assert fold(other) == 2
        assert fold(conn) is None
        other.rollback()
    assert fold(conn) == 2


def test_a_result_recorded_while_its_workers_counters_are_folded_counts_once(conn, database):
    conn.execute("INSERT INTO mailproxy.message (message_pk, tenant_id, account_id, message_id, mime_message_id, size_octets, priority)"
                 " VALUES (1, 'acme', 'a', 'm1', '<1@test>', 1, 2)")
    conn.execute("INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id, state, lease_token, lease_epoch,"
                 " leased_at) VALUES (1, now(), 2, 'acme', 'a', 'leased', 5, 1, now())")
    conn.execute(f"PREPARE record AS {RECORD}")
    record = ("EXECUTE record ('{1}', '{5}', '{sent}', '{NULL}', '{0}', '{250}', '{NULL}', '{ok}', '{NULL}', '{NULL}', '{NULL}',"
              " '{NULL}', '{0}', '{1}', '{1}', '{1}', '{none}', '{dot}', '{t}', '{60}', '{7200}')")
    before = conn.execute(SUMS).fetchall()
    with psycopg.connect(database) as other, psycopg.connect(database, autocommit=True) as watch, conn.pipeline():
        assert fold(other) == 2
        recording = conn.execute(record)  # waits for the row that is being folded
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        wait_for(lambda: watch.execute(waiting).fetchone()[0], "it to wait")
        other.commit()
        assert recording.fetchall() == [(1,)]
    after = conn.execute(SUMS).fetchall()
    assert [row[1] - was[1] for row, was in zip(after, before)] == [1, 1, 0]


def test_an_account_may_be_deleted_and_its_counters_go(conn):
    conn.execute("DELETE FROM mailproxy.account WHERE account_id = 'a'")
    assert fold(conn) == 2
    assert [row[0] for row in conn.execute(SUMS)] == ["attempts", "b"]
