"""
Claims, records, replacements and deletions of the same message at the same time, statement by statement, as the programs run them: the
second begins while the first has done its work and not committed, in both orders; and a storm of all of them.
"""

import psycopg
import pytest
from support.suspension_sql import Later, interleave, reap, record
from support.waiting import wait_for


# What a test leaves behind.
CLEAR = """
DELETE FROM mailproxy.tenant; DELETE FROM mailproxy.worker; DELETE FROM mailproxy.message_body; DELETE FROM mailproxy.attempt;
DELETE FROM mailproxy.event; DELETE FROM mailproxy.connection_grant; DELETE FROM mailproxy.attempt_counter;
ALTER TABLE mailproxy.worker ALTER epoch RESTART
"""


@pytest.fixture(scope="module")
def one_database(cluster, template):
    yield cluster.create_database("races", template)
    cluster.drop_database("races")


@pytest.fixture
def database(one_database):
    """A database for each test would take longer than the tests."""
    with psycopg.connect(one_database, autocommit=True) as db:
        db.execute(CLEAR)
    yield one_database


@pytest.fixture
def queue(watcher):
    """The watcher, and three messages that are due."""
    watcher.add("m1", "m2", "m3", batch=None)
    return watcher


def delete(c, *ids):
    """The verdicts, in the ids' order."""
    return [verdict for _, _, verdict in c.run("delete_messages", ["acme"] * len(ids), list(ids))]


def replace(c, *ids):
    """As the server stores messages: what has ids that are taken makes room, if it may. The verdicts of these, and the message_pks of what is stored."""
    stored = c.add(*ids, batch=None)
    taken = [m for place, m in enumerate(ids, 1) if place not in dict(stored)]
    verdicts = c.run("replace_messages", ["acme"] * len(taken), taken, ["main"] * len(taken)) if taken else []
    again = [taken[place - 1] for place, verdict in verdicts if verdict == "replaced"]
    if again:
        stored += c.add(*again, batch=None)
    return [verdict for _, verdict in sorted(verdicts)], [pk for _, pk in stored]


def in_a_transaction(call):
    def run(c):
        c.begin()
        result = call(c)
        c.commit()
        return result
    return run


def then(results, name, call):
    """A call whose result is kept under this name."""
    def run(c):
        results[name] = call(c)
    return run


def does_not_wait(c):
    """What would wait fails."""
    c.sql("SET lock_timeout = '10s'")
    return c


def states(db):
    """{message_id: (state of the message, of its queue row)}"""
    return {m: (s, q) for m, s, q in db.sql(
        "SELECT m.message_id, m.state::text, q.state::text FROM mailproxy.message m LEFT JOIN mailproxy.queue q USING (message_pk)")}


def orphans(db):
    """What belongs to a message that is gone, and should have gone with it."""
    return db.sql("SELECT 'body' FROM mailproxy.message_body b WHERE NOT EXISTS (SELECT FROM mailproxy.message m WHERE m.message_pk = b.message_pk)"
                  " UNION ALL SELECT 'event' FROM mailproxy.event e WHERE NOT EXISTS (SELECT FROM mailproxy.message m WHERE m.message_pk = e.message_pk)")


def is_balanced(db):
    return db.sql("SELECT bool_and(balanced) FROM mailproxy.audit()") == [(True,)]


# Claims.

def test_two_claims_take_different_messages_and_wait_for_nobody(queue, pair):
    first, second = pair
    first.begin()
    first.sql("SELECT FROM mailproxy.queue q JOIN mailproxy.message m USING (message_pk) WHERE message_id = 'm2' FOR UPDATE OF q")  # as a claim holds it
    taken = does_not_wait(second).claim(epoch=2)
    assert set(taken) == {"m1", "m3"}
    first.commit()
    assert set(first.claim(epoch=1)) == {"m2"}
    assert states(queue) == {m: ("queued", "leased") for m in ("m1", "m2", "m3")}


def test_what_a_claim_has_taken_is_not_there_for_another(queue, pair):
    first, second = pair
    first.begin()
    assert len(first.claim(epoch=1)) == 3
    assert does_not_wait(second).claim(epoch=2) == {}
    first.commit()
    assert second.claim(epoch=2) == {}


def test_what_a_claim_that_is_rolled_back_had_taken_is_there_again(queue, pair):
    first, second = pair
    first.begin()
    before = first.claim(epoch=1)
    first.db.execute("ROLLBACK")
    after = second.claim(epoch=2)
    assert set(after) == set(before) and {t for _, t in after.values()}.isdisjoint({t for _, t in before.values()})


def test_a_worker_that_is_being_reaped_claims_nothing(queue, pair):
    queue.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '1 hour' WHERE epoch = 1")
    interleave(queue, pair[0], lambda c: c.run("reap_workers", 2), pair[1], lambda c: c.claim(epoch=1))
    assert queue.sql("SELECT ended_how FROM mailproxy.worker WHERE epoch = 1") == [("reaped",)]
    assert set(states(queue).values()) == {("queued", "ready")}


def test_a_worker_is_not_reaped_in_the_middle_of_a_claim(queue, pair):
    claiming, reaping = pair
    queue.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '1 hour' WHERE epoch = 1")
    claiming.begin()
    assert len(claiming.claim(epoch=1)) == 3
    assert does_not_wait(reaping).run("reap_workers", 2) == []
    claiming.commit()
    assert len(reaping.run("reap_workers", 2)) == 3
    assert set(states(queue).values()) == {("queued", "ready")}


# Claims and deletions.

def test_a_claim_passes_by_what_is_being_deleted(queue, pair):
    deleting, claiming = pair
    deleting.begin()
    assert delete(deleting, "m1") == ["removed"]
    assert set(does_not_wait(claiming).claim()) == {"m2", "m3"}
    deleting.commit()
    assert claiming.claim() == {} and orphans(queue) == []


def test_a_deletion_waits_for_a_claim_and_leaves_what_it_took(queue, pair):
    found = {}
    interleave(queue, pair[0], lambda c: c.claim(), pair[1], then(found, "verdict", lambda c: delete(c, "m1")))
    assert found == {"verdict": ["busy"]}
    assert states(queue)["m1"] == ("queued", "leased")


# Claims and replacements.

def test_a_claim_passes_by_what_is_being_replaced_and_takes_what_came_instead(queue, pair):
    replacing, claiming = pair
    replacing.begin()
    verdicts, stored = replace(replacing, "m1")
    assert verdicts == ["replaced"]
    assert set(does_not_wait(claiming).claim()) == {"m2", "m3"}
    replacing.commit()
    assert {m: pk for m, (pk, _) in claiming.claim().items()} == {"m1": stored[0]}


def test_a_replacement_waits_for_a_claim_and_leaves_what_it_took(queue, pair):
    found = {}
    interleave(queue, pair[0], lambda c: c.claim(), pair[1], then(found, "replaced", in_a_transaction(lambda c: replace(c, "m1"))))
    assert found == {"replaced": (["leased"], [])}
    assert states(queue)["m1"] == ("queued", "leased")


# Records.

OUTCOMES = {"sent": ("sent", None), "error": ("error", None), "deferred": ("queued", "scheduled")}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_deletion_waits_for_a_record_and_removes_it_with_all_it_has(queue, pair, outcome):
    claims = queue.claim()
    found = {}
    interleave(queue, pair[0], lambda c: record(c, [claims["m1"]], outcome), pair[1], then(found, "verdict", lambda c: delete(c, "m1")))
    assert found == {"verdict": ["removed"]}
    assert set(states(queue)) == {"m2", "m3"} and is_balanced(queue)
    assert queue.sql("SELECT count(*) FROM mailproxy.message_body") == [(2,)]


@pytest.mark.parametrize("outcome, verdict", [("sent", "sent"), ("error", "replaced"), ("deferred", "replaced")])
def test_a_replacement_waits_for_a_record_and_sees_its_result(queue, pair, outcome, verdict):
    claims = queue.claim()
    found = {}
    interleave(queue, pair[0], lambda c: record(c, [claims["m1"]], outcome), pair[1],
               then(found, "replaced", in_a_transaction(lambda c: replace(c, "m1"))))
    assert found["replaced"][0] == [verdict]
    assert states(queue)["m1"] == (("sent", None) if verdict == "sent" else ("queued", "ready"))
    assert is_balanced(queue)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_result_that_is_written_twice_counts_once(queue, pair, outcome):
    """Its connection broke while it was committed, and the worker writes it again."""
    claims = queue.claim()
    found = {}

    def again(c):
        with pytest.raises(AssertionError):
            record(c, [claims["m1"]], outcome)  # which finds that none was recorded
        found["again"] = True

    interleave(queue, pair[0], lambda c: record(c, [claims["m1"]], outcome), pair[1], again)
    assert found and states(queue)["m1"] == OUTCOMES[outcome]
    assert queue.sql("SELECT count(*) FROM mailproxy.attempt") == queue.sql("SELECT count(*) FROM mailproxy.event") == [(1,)]
    assert queue.sql("SELECT sent + errors + deferred FROM mailproxy.account_counter") == [(1,)]


def test_a_result_waits_for_a_takeover_and_changes_nothing(queue, pair):
    claims = queue.claim(epoch=1)

    def late(c):
        with pytest.raises(AssertionError):
            record(c, [claims["m1"]], "sent")

    interleave(queue, pair[0], lambda c: reap(c, None), pair[1], late)
    assert states(queue)["m1"] == ("queued", "ready")
    assert queue.sql("SELECT outcome::text, in_doubt FROM mailproxy.attempt GROUP BY 1, 2") == [("deferred", True)]


def test_a_takeover_waits_for_a_result_and_leaves_it(queue, pair):
    claims = queue.claim(epoch=1)
    interleave(queue, pair[0], lambda c: record(c, [claims["m1"]], "sent"), pair[1], lambda c: reap(c, None))
    assert states(queue) == {"m1": ("sent", None), "m2": ("queued", "ready"), "m3": ("queued", "ready")}
    assert queue.sql("SELECT count(*) FROM mailproxy.attempt WHERE in_doubt") == [(2,)]


def test_two_records_of_one_account_do_not_wait_for_each_other_in_a_circle(queue, pair):
    claims = queue.claim()
    interleave(queue, pair[0], lambda c: record(c, [claims["m1"], claims["m3"]], "sent"), pair[1], lambda c: record(c, [claims["m2"]], "sent"))
    assert set(states(queue).values()) == {("sent", None)}
    assert queue.sql("SELECT sum(sent) FROM mailproxy.account_counter") == [(3,)]


# Storing, replacing and deleting.

def test_the_second_of_two_that_store_one_id_finds_it_taken(watcher, pair):
    found = {}
    interleave(watcher, pair[0], lambda c: c.add("m1", batch=None), pair[1], then(found, "stored", lambda c: c.add("m1", batch=None)))
    assert found == {"stored": []}
    assert states(watcher) == {"m1": ("queued", "ready")}
    assert watcher.sql("SELECT count(*) FROM mailproxy.message_body") == [(1,)]


def test_the_second_of_two_that_replace_one_id_replaces_what_the_first_has_stored(queue, pair):
    found = {}
    interleave(queue, pair[0], then(found, "first", lambda c: replace(c, "m1")),
               pair[1], then(found, "second", in_a_transaction(lambda c: replace(c, "m1"))))
    assert found["first"][0] == found["second"][0] == ["replaced"]
    assert queue.sql("SELECT message_pk FROM mailproxy.message WHERE message_id = 'm1'") == [(found["second"][1][0],)]
    assert orphans(queue) == [] and is_balanced(queue)


def test_the_second_of_two_that_delete_one_finds_nothing(queue, pair):
    found = {}
    interleave(queue, pair[0], lambda c: delete(c, "m1"), pair[1], then(found, "verdict", lambda c: delete(c, "m1", "m2")))
    assert found == {"verdict": ["not_found", "removed"]}


def test_deletions_in_opposite_orders_do_not_wait_in_a_circle(queue, pair):
    found = {}
    interleave(queue, pair[0], lambda c: delete(c, "m1", "m3"), pair[1], then(found, "verdict", lambda c: delete(c, "m3", "m2", "m1")))
    assert found == {"verdict": ["not_found", "removed", "not_found"]}


def test_what_is_being_replaced_is_deleted_as_it_was_or_not_at_all(queue, pair):
    """The deletion began before: it means the message of that time, and what came instead stays."""
    found = {}
    interleave(queue, pair[0], then(found, "replaced", lambda c: replace(c, "m1")), pair[1], then(found, "verdict", lambda c: delete(c, "m1")))
    assert found["verdict"] == ["not_found"]
    assert queue.sql("SELECT message_pk FROM mailproxy.message WHERE message_id = 'm1'") == [(found["replaced"][1][0],)]
    assert orphans(queue) == []


def test_what_is_being_deleted_is_stored_anew(queue, pair):
    found = {}
    interleave(queue, pair[0], lambda c: delete(c, "m1"), pair[1], then(found, "replaced", in_a_transaction(lambda c: replace(c, "m1"))))
    verdicts, stored = found["replaced"]
    assert verdicts == [] and len(stored) == 1
    assert states(queue)["m1"] == ("queued", "ready") and is_balanced(queue)


def test_an_account_is_deleted_beside_a_replacement_and_a_record_of_its_messages(queue, new_connection):
    claims = queue.claim()
    deleting, recording, replacing = (new_connection() for _ in range(3))
    deleting.begin()
    assert deleting.run("delete_account", "acme", "main") == [("acme", True)]

    def late(c):
        with pytest.raises(AssertionError):
            record(c, [claims["m2"]], "sent")

    def into_nothing(c):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            replace(c, "m1")

    waiting = [Later(lambda: late(recording)), Later(lambda: into_nothing(replacing))]
    wait_for(lambda: recording.is_waiting(queue) and replacing.is_waiting(queue), "both to wait")
    deleting.commit()
    for call in waiting:
        call.join()
    assert states(queue) == {} and queue.sql("SELECT count(*) FROM mailproxy.queue") == [(0,)]


# All of it.

def storm_worker(c, epoch, turns, sent):
    for turn in range(turns):
        claims = list(c.claim(epoch).items())
        for i, (message_id, claim) in enumerate(claims):
            outcome = ("sent", "deferred", "error")[(turn + i) % 3]
            record(c, [claim], outcome)
            if outcome == "sent":
                sent.append((message_id, claim[0]))
        c.run("promote_due", 1000)


def storm_server(c, ids, turns, step):
    for turn in range(turns):
        chosen = ids[turn % step::step]
        if turn % 3:
            in_a_transaction(lambda c: replace(c, *chosen))(c)
        else:
            delete(c, *reversed(chosen))


def storm_audit(c, turns):
    for _ in range(turns):
        assert is_balanced(c), c.sql("SELECT * FROM mailproxy.audit()")


def test_a_storm_of_all_of_it_loses_nothing_and_sends_nothing_twice(watcher, new_connection):
    """No deadlock, no result without its lease (record() insists), an audit that balances at every moment."""
    ids = [f"m{i:02}" for i in range(40)]
    watcher.add(*ids, batch=None)
    sent = []
    storm = [Later(lambda e=epoch, c=new_connection(): storm_worker(c, e, 25, sent)) for epoch in (1, 2)]
    storm += [Later(lambda s=step, c=new_connection(): storm_server(c, ids, 25, s)) for step in (2, 3, 5)]
    storm.append(Later(lambda c=new_connection(): storm_audit(c, 50)))
    for part in storm:
        part.join()
    assert sent and len(set(sent)) == len(sent), "each that was stored was sent once at most"
    there = dict(watcher.sql("SELECT message_pk, state::text FROM mailproxy.message"))
    assert {there.get(pk, "deleted") for _, pk in sent} <= {"sent", "deleted"}
    assert is_balanced(watcher)
    assert watcher.sql("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") == [(0,)]
    assert watcher.sql("SELECT sum(sent) FROM mailproxy.account_counter") == [(len(sent),)]
