"""What is past its time leaves, by the day and by the row; what is not sent or not told of never does."""

import datetime

import pytest
from support.suspension_sql import record

DAY = 86400
TABLES = ["message_body", "message_attachment", "attempt", "event"]


@pytest.fixture
def db(watcher):
    watcher.today = watcher.sql("SELECT (now() AT TIME ZONE 'UTC')::date")[0][0]
    return watcher


def name(db, table, ago):
    return f"{table}_{db.today - datetime.timedelta(ago):%Y%m%d}"


def add_day(db, ago):
    """Partitions as the chore would have made them so many days ago."""
    first = db.today - datetime.timedelta(ago)
    for table in TABLES:
        db.sql(f"CREATE TABLE mailproxy.{name(db, table, ago)} PARTITION OF mailproxy.{table}"
               f" FOR VALUES FROM ('{first} 00:00:00+00') TO ('{first + datetime.timedelta(1)} 00:00:00+00')")


def partitions(db, past_only=True):
    return {row[0] for row in db.sql("SELECT partition FROM mailproxy.partition_status WHERE NOT %s OR day < %s", past_only, db.today)}


def age(db, ago, *ids):
    """All there is of these messages is so many days old."""
    for table, column in (("event", "created_at"), ("attempt", "ended_at"), ("message_body", "created_at"), ("message_attachment", "created_at"),
                          ("message", "created_at")):
        db.sql(f"UPDATE mailproxy.{table} SET {column} = {column} - make_interval(days => %s)"
               " WHERE message_pk = ANY (SELECT message_pk FROM mailproxy.message WHERE message_id = ANY (%s))", ago, list(ids))
    db.sql("UPDATE mailproxy.message SET finished_at = finished_at - make_interval(days => %s) WHERE message_id = ANY (%s)", ago, list(ids))
    db.sql("UPDATE mailproxy.event SET reported_at = reported_at - make_interval(days => %s)"
           " WHERE message_pk = ANY (SELECT message_pk FROM mailproxy.message WHERE message_id = ANY (%s))", ago, list(ids))


def finish(db, *ids, outcome="sent", told=True):
    db.add(*ids, batch=None)
    record(db, [c for i, c in db.claim().items() if i in ids], outcome)
    if told:
        db.sql("UPDATE mailproxy.event SET reported_at = now()")


def drop_all(db, content_days=7, history_days=7):
    """The partitions that went, in order; and the one that was in use."""
    dropped = []
    while True:
        (gone, in_use), = db.run("drop_partition", content_days * DAY, history_days * DAY)
        if gone is None:
            return dropped, in_use
        dropped.append(gone)


def purge(db, days=7, pause_s=0):
    """How many were removed, until the pass is over."""
    removed = []
    while True:
        rows = db.run("purge_messages", days * DAY, pause_s)
        if not rows:
            return removed
        removed.append(rows[0][0])
        if rows[0][1]:
            assert rows[0][2] == sum(removed)
            return removed


def ids(db):
    return {row[0] for row in db.sql("SELECT message_id FROM mailproxy.message")}


# Partitions.

def test_a_day_leaves_when_its_time_is_over_and_a_body_before_its_attachments(db):
    for ago in (7, 8, 9):
        add_day(db, ago)
    finish(db, "a")
    age(db, 9, "a")
    assert drop_all(db, 7, 8) == ([name(db, "message_body", 9), name(db, "message_attachment", 9), name(db, "event", 9), name(db, "attempt", 9),
                                   name(db, "message_body", 8), name(db, "message_attachment", 8)], None)
    assert drop_all(db, 0, 0) == ([], None), "for ever"
    assert drop_all(db, 7, 7) == ([name(db, "event", 8), name(db, "attempt", 8)], None)
    assert partitions(db) == {name(db, table, 7) for table in TABLES}
    assert len(partitions(db, past_only=False)) == 4 * 16, "today's and those to come are left alone"


def test_partitions_of_other_names_are_nobodys_to_drop(db):
    db.sql("CREATE TABLE mailproxy.event_before PARTITION OF mailproxy.event FOR VALUES FROM (MINVALUE) TO ('2001-01-01')")
    assert drop_all(db) == ([], None)


def test_what_is_of_an_unsent_message_stays_until_it_is_sent(db):
    add_day(db, 30)
    finish(db, "done")
    db.add("waits", batch=None)
    claims = db.claim()
    record(db, list(claims.values()), "deferred")
    db.sql("UPDATE mailproxy.event SET reported_at = now()")
    age(db, 30, "done", "waits")
    holds = dict(db.sql("SELECT partition, holds FROM mailproxy.partition_status WHERE day < %s", db.today))
    assert holds == {name(db, "message_body", 30): "unsent", name(db, "message_attachment", 30): None, name(db, "attempt", 30): "unsent",
                     name(db, "event", 30): "unsent"}
    assert drop_all(db) == ([name(db, "message_attachment", 30)], None)
    db.sql("UPDATE mailproxy.queue SET state = 'ready', due_at = now()")
    record(db, list(db.claim().values()), "sent")
    assert db.sql("SELECT content FROM mailproxy.message_body JOIN mailproxy.message USING (message_pk) WHERE message_id = 'waits'") == [({},)]
    db.sql("UPDATE mailproxy.event SET reported_at = now()")
    assert len(drop_all(db)[0]) == 3


def test_events_that_were_not_told_stay(db):
    add_day(db, 30)
    finish(db, "a", told=False)
    age(db, 30, "a")
    assert dict(db.sql("SELECT partition, holds FROM mailproxy.partition_status WHERE holds IS NOT NULL")) == {name(db, "event", 30): "unreported"}
    assert name(db, "event", 30) not in drop_all(db)[0]
    db.sql("UPDATE mailproxy.event SET reported_at = now()")
    assert drop_all(db)[0] == [name(db, "event", 30)]


@pytest.mark.parametrize("table", ["mailproxy.event", "mailproxy.message_body"])
def test_who_reads_a_table_is_waited_for_for_a_moment_only(db, pair, table):
    add_day(db, 30)
    reading, writing = pair
    reading.begin()
    reading.sql(f"SELECT count(*) FROM {table}")
    dropped, in_use = drop_all(db)
    assert in_use == name(db, table.split(".")[1], 30) and in_use not in dropped
    writing.add("b")  # nobody stands behind it
    reading.commit()
    assert in_use in drop_all(db)[0]


def test_what_is_queued_again_while_its_content_is_to_be_dropped_keeps_it(db, pair):
    add_day(db, 30)
    finish(db, "a", outcome="error")
    age(db, 30, "a")
    requeuing, _ = pair
    requeuing.begin()
    assert requeuing.sql("SELECT messages FROM mailproxy.requeue('acme', dry_run => false)") == [(1,)]
    assert drop_all(db)[1] == name(db, "message_body", 30)
    requeuing.commit()
    assert name(db, "message_body", 30) not in drop_all(db)[0]
    assert set(db.claim()) == {"a"}


def test_one_process_drops_or_makes_partitions_at_a_time(db, pair):
    add_day(db, 30)
    pair[0].begin()
    assert pair[0].run("create_partitions")[0][0] is not None
    assert db.run("drop_partition", DAY, DAY) == [(None, None)]
    pair[0].commit()
    assert db.run("drop_partition", DAY, DAY)[0][0]


def test_a_week_without_the_chore_finds_partitions_for_another(db):
    last = db.sql("SELECT max(day) FROM mailproxy.partition_status")[0][0]
    assert last == db.today + datetime.timedelta(14)
    for table in TABLES:
        db.sql(f"DROP TABLE mailproxy.{name(db, table, -14)}")
    assert db.run("create_partitions") == [(4,)]


# Messages.

def test_messages_that_were_told_long_ago_are_removed_page_by_page(db):
    db.sql("INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at, created_at)"
           " SELECT 'acme', 'main', 'm' || i, '<x@test>', 1, 2, 'sent', now() - interval '8 days', now() - interval '9 days' FROM generate_series(1, 2500) i")
    db.sql("INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)"
           " SELECT message_pk, now(), now() - interval '7 days 1 hour', 'sent', 'acme' FROM mailproxy.message")
    assert purge(db, days=8) == [0, 0, 0]
    assert purge(db) == [1000, 1000, 500]
    assert ids(db) == set() and db.sql("SELECT count(*) FROM mailproxy.event") == [(0,)]
    assert purge(db, pause_s=3600) == [], "the next pass is in an hour"


def test_what_is_not_final_not_told_or_young_stays(db):
    add_day(db, 9)
    finish(db, "told", "error", "half")
    finish(db, "untold", told=False)
    db.add("queued")
    age(db, 9, "told", "error", "half", "untold", "queued")
    finish(db, "young", told=False)
    db.sql("UPDATE mailproxy.event SET reported_at = now() WHERE message_pk = (SELECT message_pk FROM mailproxy.message WHERE message_id = 'young')")
    db.sql("INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id)"
           " SELECT message_pk, now(), 'bounce', 'acme' FROM mailproxy.message WHERE message_id = 'half'")
    assert purge(db) == [2]
    assert ids(db) == {"half", "untold", "queued", "young"}
    assert drop_all(db, 30, 30) == ([], None)


@pytest.mark.parametrize("how", ["sweep", "cleanup"])
def test_a_message_without_events_was_told_only_if_its_day_has_left(db, how):
    add_day(db, 30)
    add_day(db, 8)
    finish(db, "recent", "ancient")
    age(db, 8, "recent")
    age(db, 30, "ancient")
    db.sql("DELETE FROM mailproxy.event WHERE message_pk = (SELECT message_pk FROM mailproxy.message WHERE message_id = 'recent')")
    drop_all(db, 20, 20)
    assert db.sql("SELECT count(*) FROM mailproxy.event") == [(0,)]
    if how == "sweep":
        assert purge(db) == [1]
    else:
        now, = db.sql("SELECT floor(extract(epoch FROM now()))::bigint")[0]
        assert db.run("cleanup_messages", "acme", -1, 0, "", now - 7 * DAY)[0][0] == 1
    assert ids(db) == {"recent"}


def test_one_worker_looks_at_a_time_and_another_goes_on_where_it_was(db, pair):
    db.sql("INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at, created_at)"
           " SELECT 'acme', 'main', 'm' || i, '<x@test>', 1, 2, 'sent', now(), now() - interval '9 days' FROM generate_series(1, 1500) i")
    pair[0].begin()
    assert pair[0].run("purge_messages", 7 * DAY, 3600) == [(0, False, 0)]
    assert pair[1].run("purge_messages", 7 * DAY, 3600) == []
    pair[0].commit()
    assert pair[1].run("purge_messages", 7 * DAY, 3600) == [(0, True, 0)]
    assert db.sql("SELECT looked_at_pk = (SELECT max(message_pk) FROM mailproxy.message) FROM mailproxy.purge_pass") == [(True,)]


def test_what_is_requeued_meanwhile_is_not_removed(db, pair):
    finish(db, "a", outcome="error")
    db.sql("UPDATE mailproxy.message SET finished_at = now() - interval '8 days'; UPDATE mailproxy.event SET reported_at = now() - interval '8 days'")
    requeuing, _ = pair
    requeuing.begin()
    requeuing.sql("SELECT mailproxy.requeue('acme', dry_run => false)")
    assert purge(db) == [0]
    requeuing.commit()
    assert purge(db) == [0]
    assert ids(db) == {"a"}


def test_a_message_whose_content_has_left_is_listed_without_it_and_not_requeued(db):
    add_day(db, 9)
    finish(db, "a", outcome="error")
    age(db, 9, "a")
    drop_all(db)
    rows = db.run("list_messages", "acme", False, None, None, None, -1, 0, "", "", 1000, None)
    assert len(rows) == 1 and rows[0][-1] is None
    assert db.sql("SELECT messages, remaining FROM mailproxy.requeue('acme', dry_run => false)") == [(0, 0)]


def test_an_attachment_that_has_left_is_content_that_has_left(db):
    finish(db, "a", outcome="error")
    db.sql("UPDATE mailproxy.message SET attachments = 1")
    assert db.sql("SELECT messages FROM mailproxy.requeue('acme')") == [(0,)]
    db.sql("INSERT INTO mailproxy.message_attachment SELECT message_pk, created_at, 0, 'x' FROM mailproxy.message")
    assert db.sql("SELECT messages FROM mailproxy.requeue('acme')") == [(1,)]
