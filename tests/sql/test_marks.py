"""A database that is in an earlier state than it was seen in: who notices, and what stops."""

import time

import pytest
from support.suspension_sql import PREPARE, Connection

NOTHING = [None, None, None, None]


@pytest.fixture
def db(database):
    connection = Connection(database)
    connection.sql(PREPARE)
    yield connection
    connection.db.close()


def register(db, seen=NOTHING):
    """epoch, start, heartbeat, instance epoch, and whether nothing is sent until confirm_restore()."""
    row, = db.run("insert_worker", "h", 1, "v", 60, *seen)
    return row[:5]


def confirm(db, dry_run=False):
    return [row[:3] for row in db.sql("SELECT * FROM mailproxy.confirm_restore(%s)", dry_run)]


def instance(db, columns):
    return db.sql(f"SELECT {columns} FROM mailproxy.instance")[0]


def test_a_heartbeat_is_of_the_worker_that_was_seen_and_not_of_one_before(db):
    epoch, start, heartbeat, _, _ = register(db)
    (later, of_instance), = db.run("beat_worker", epoch, 3, start, heartbeat)
    assert (later > heartbeat, of_instance) == (True, 1)
    assert db.run("beat_worker", epoch, 3, start, heartbeat), "the answer to the last one may have been lost"
    assert db.run("beat_worker", epoch, 3, start, later + 10**7) == [], "a state that was stored is gone"
    assert db.run("beat_worker", epoch, 3, start - 1, later) == [], "another worker has got the same epoch"


def test_a_claim_takes_nothing_where_the_workers_last_heartbeat_is_not(db):
    epoch, start, heartbeat, _, _ = register(db)
    db.add("m1", batch=None)
    ask = [epoch, [], [], [], 10, 10, 65536, [], 10, [], [], 10, 0]

    def claimed(*seen):
        return [row for row in db.run("claim_messages", *ask, *seen, True) if row[2] is not None]

    assert claimed(start, heartbeat + 1) == []
    assert claimed(start + 1, heartbeat) == []
    assert len(claimed(start, heartbeat)) == 1


def test_a_worker_that_finds_what_it_has_seen_or_has_seen_nothing_stops_nobody(db):
    epoch, start, heartbeat, of_instance, waits = register(db)
    assert (of_instance, waits) == (1, False)
    assert register(db, [1, epoch, start, heartbeat])[4] is False
    assert instance(db, "sends, epoch, suspension_seq") == (True, 1, 1)
    assert confirm(db) == [], "nothing is to be confirmed"
    assert instance(db, "epoch") == (1,)


def test_a_worker_that_misses_what_it_has_seen_stops_all_until_it_is_confirmed(db):
    db.add("m1", "m2", batch=None)
    first = register(db)
    seen_us = int(time.time() * 10**6) + 60 * 10**6
    found = register(db, [1, *first[:2], seen_us])
    assert found[4] is True
    assert instance(db, "sends, active, restore_found_by, restore_seen_epoch, suspension_seq") == (False, True, found[0], 1, 2)
    assert register(db)[4] is True, "also one that remembers nothing waits"
    assert db.run("claim_messages", found[0], [], [], [], 10, 10, 65536, [], 10, [], [], 10, 0, *found[1:3], True)[0][2] is None
    db.sql("UPDATE mailproxy.message SET created_at = now() + interval '2 minutes' WHERE message_id = 'm2'")  # accepted since
    tokens_before = db.sql("SELECT nextval('mailproxy.lease_token_seq')")[0][0]
    assert confirm(db, dry_run=True) == [("acme", "main", 1)]
    assert instance(db, "sends") == (False,)
    assert confirm(db) == [("acme", "main", 1)]
    assert instance(db, "sends, epoch, restore_found_by, suspension_seq") == (True, 2, None, 3)
    assert db.sql("SELECT nextval('mailproxy.lease_token_seq')")[0][0] > tokens_before + 1000000
    assert db.sql("SELECT endpoint, payload ->> 'messages' FROM mailproxy.command_log") == [("confirmRestore", "1")]
    assert register(db, [1, *first[:2], seen_us])[4] is False, "one that was away meanwhile takes it as agreed to"
    assert register(db, [2, *first[:2], seen_us])[4] is True, "restored once more"


def test_a_restore_to_before_an_earlier_confirmation_is_noticed_and_counted_on(db):
    start = register(db)[1]
    assert register(db, [7, 999, start, start])[4] is True
    confirm(db)
    assert instance(db, "epoch") == (8,)
