"""No priority waits for ever: what has been due for long rises, by the statements alone."""

import json

import psycopg
import pytest
from support.queue_sql import Claimer, add_account, add_messages, options_of_the_programs, statement

HOUR = 3600


@pytest.fixture
def conn(database):
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("PREPARE raise AS " + statement("sweep/raise_priorities"))
        yield conn


def rise(conn, age_s=HOUR):
    return conn.execute(f"EXECUTE raise({age_s})").fetchone()[0]


def since(conn, hours, where="true"):
    """They have been due for so long."""
    conn.execute(f"UPDATE mailproxy.queue SET due_at = now() - make_interval(secs => %s) WHERE {where}", (hours * HOUR,))


def counts(conn, of="queue", where="true"):
    """priority -> messages"""
    return dict(conn.execute(f"SELECT priority, count(*) FROM mailproxy.{of} WHERE {where} GROUP BY priority").fetchall())


def test_what_has_been_due_for_long_rises_by_one_each_time_to_1_at_most(conn):
    add_account(conn)
    for priority in range(4):
        add_messages(conn, 5, priority=priority)
    before = {0: 5, 1: 5, 2: 5, 3: 5}
    since(conn, 0.99)
    assert (rise(conn), counts(conn)) == (0, before)
    since(conn, 1.01)
    assert (rise(conn), counts(conn)) == (10, {0: 5, 1: 10, 2: 5}), "2 and 3"
    assert (rise(conn), counts(conn)) == (0, {0: 5, 1: 10, 2: 5}), "those of 3 only after the same time again"
    since(conn, 1.99)
    assert rise(conn) == 0
    since(conn, 2.01)
    assert (rise(conn), counts(conn)) == (5, {0: 5, 1: 15})
    since(conn, 1000)
    assert (rise(conn), counts(conn)) == (0, {0: 5, 1: 15}), "0 is for what passes by whatever waits"
    assert counts(conn, "message") == before, "what the client asked for"


def test_a_turn_raises_by_one_only_however_long_it_was(conn):
    add_account(conn)
    add_messages(conn, 1, priority=1)
    add_messages(conn, 1, priority=3)
    since(conn, 1000)
    assert (rise(conn), counts(conn)) == (1, {1: 1, 2: 1})
    assert (rise(conn), counts(conn)) == (1, {1: 2})


def test_what_no_higher_priority_of_its_account_passes_by_stays_as_it_is(conn):
    add_account(conn)
    add_messages(conn, 3, priority=3)
    add_messages(conn, 3, priority=0)
    add_account(conn, account="other")
    add_messages(conn, 3, account="other", priority=1)
    since(conn, 1000)
    assert rise(conn) == 0
    add_messages(conn, 1, priority=2)
    assert (rise(conn), counts(conn)) == (3, {0: 3, 1: 3, 2: 4})


@pytest.mark.parametrize("state", ["leased", "scheduled", "held"])
def test_only_what_is_ready_rises(conn, state):
    add_account(conn)
    add_messages(conn, 3)
    add_messages(conn, 1, priority=1)
    since(conn, 5)
    lease = "1, lease_epoch = 1, leased_at = now()" if state == "leased" else "NULL"
    conn.execute(f"UPDATE mailproxy.queue SET state = '{state}', lease_token = {lease} WHERE priority = 2")
    assert (rise(conn), counts(conn)) == (0, {1: 1, 2: 3})


def test_a_backlog_rises_from_its_head_a_hundred_at_a_time(conn):
    add_account(conn)
    add_messages(conn, 250)
    add_messages(conn, 1, priority=1)
    since(conn, 5)
    assert [rise(conn) for _ in range(4)] == [100, 100, 50, 0]
    conn.execute("UPDATE mailproxy.queue SET priority = 2")
    add_messages(conn, 1, priority=1)
    rise(conn)
    first, last = conn.execute("SELECT max(message_pk) FILTER (WHERE priority = 1 AND message_pk < 251),"
                               " min(message_pk) FILTER (WHERE priority = 2) FROM mailproxy.queue").fetchone()
    assert first < last, "those that were accepted first"


def test_what_has_risen_is_claimed_before_later_ones_of_that_priority_and_carries_it(conn, database):
    add_account(conn)
    add_messages(conn, 2, priority=2)
    add_messages(conn, 2, priority=1)
    claimer = Claimer(database)
    since(conn, 5, "message_pk = 1")
    assert rise(conn) == 1
    rows = claimer.claim(most=3)
    assert [(row[claimer.PK], row[claimer.PRIORITY]) for row in rows] == [(1, 1), (3, 1), (4, 1)]
    claimer.close()


def test_one_worker_at_a_time_raises_and_passes_by_what_is_being_claimed(conn, database):
    add_account(conn)
    add_messages(conn, 2)
    add_messages(conn, 1, priority=1)
    since(conn, 5)
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('mailproxy.raise_priorities'))")
        assert rise(conn) is None
        other.rollback()
        other.execute("SELECT FROM mailproxy.queue WHERE message_pk = 1 FOR UPDATE")
        assert rise(conn) == 1
    assert rise(conn) == 1


# 200,000 messages of one account that have been due for long, 100,000 fresh ones of another, and 500 accounts with a few each.
LARGE = """
SET session_replication_role = replica;
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme');
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
     SELECT 'acme', a.account_id, a.account_id || '-' || i, '<x@test>', 100, CASE WHEN i % 50 = 0 THEN 1 ELSE 2 + i % 2 END
       FROM (SELECT 'small' || s, 4 FROM generate_series(1, 500) s UNION ALL VALUES ('old', 200000), ('new', 100000)) a (account_id, messages)
      CROSS JOIN LATERAL generate_series(1, a.messages) i;
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)
     SELECT message_pk, now() - CASE account_id WHEN 'old' THEN interval '1 day' ELSE interval '0' END, priority, tenant_id, account_id
       FROM mailproxy.message;
"""


def rows_read(node):
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    below = sum(map(rows_read, node.get("Plans", ())))
    return below + (own if node.get("Relation Name") in ("queue", "message") and node["Node Type"].endswith("Scan") else 0)


def test_a_large_backlog_is_not_read_as_a_whole(cluster, template):
    url = cluster.create_database("priorities", template)
    with psycopg.connect(url, options=options_of_the_programs(), autocommit=True, prepare_threshold=None) as conn:
        conn.execute(LARGE)
        conn.execute("VACUUM ANALYZE mailproxy.queue, mailproxy.message")
        conn.execute("SET plan_cache_mode = force_generic_plan")
        conn.execute("PREPARE raise AS " + statement("sweep/raise_priorities"))
        for _ in range(3):
            (found,), = conn.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE raise({HOUR})")
            assert rows_read(found[0]["Plan"]) < 5000, json.dumps(found, indent=1)
        assert counts(conn, where="account_id = 'old'")[1] == 4000 + 3 * 100
    cluster.drop_database("priorities")
