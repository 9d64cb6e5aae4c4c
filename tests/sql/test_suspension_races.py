"""
Suspending and activating against everything else that changes a queue row, statement by statement, as the programs run
them: two transactions interleaved by hand, in both orders, and a storm of all of them.
"""

import psycopg
import pytest
from support.suspension_sql import ENDS, Later, interleave, record
from support.waiting import wait_for


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_that_ends_while_its_batch_is_being_suspended_is_held(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    interleave(watcher, pair[0], lambda c: c.suspend(), pair[1], lambda c: ENDS[end][0](c, claims))
    assert watcher.states() == {"m1": "held"}


@pytest.mark.parametrize("end", ENDS)
def test_suspending_waits_for_a_lease_that_is_ending(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    interleave(watcher, pair[0], lambda c: ENDS[end][0](c, claims), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_that_ends_while_its_batch_is_being_activated_is_not_held(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    watcher.suspend()
    interleave(watcher, pair[0], lambda c: c.activate(), pair[1], lambda c: ENDS[end][0](c, claims))
    assert watcher.states() == {"m1": ENDS[end][1]}


@pytest.mark.parametrize("end", ENDS)
def test_activating_waits_for_a_lease_that_is_ending(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    watcher.suspend()
    interleave(watcher, pair[0], lambda c: ENDS[end][0](c, claims), pair[1], lambda c: c.activate())
    assert watcher.states() == {"m1": "ready"}


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_without_a_suspended_batch_waits_for_nobody(watcher, pair, end):
    suspending, ending = pair
    watcher.add("none", batch=None)
    claims = list(watcher.claim().values())
    suspending.begin()
    suspending.suspend()
    ending.sql("SET lock_timeout = '10s'")
    ENDS[end][0](ending, claims)
    suspending.commit()
    assert watcher.states() == {"none": ENDS[end][1]}


def test_what_was_sent_waits_for_nobody(watcher, pair):
    suspending, recording = pair
    watcher.add("m1")
    claims = list(watcher.claim().values())
    suspending.begin()
    suspending.suspend()
    recording.sql("SET lock_timeout = '10s'")
    record(recording, claims, outcome="sent")
    suspending.commit()
    assert watcher.states() == {}


def test_a_message_stored_while_its_batch_is_being_suspended_is_held(watcher, pair):
    interleave(watcher, pair[0], lambda c: c.suspend(), pair[1], lambda c: c.add("m1"))
    assert watcher.states() == {"m1": "held"}


def test_suspending_waits_for_messages_that_are_being_stored(watcher, pair):
    interleave(watcher, pair[0], lambda c: c.add("m1"), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}


def test_a_message_replaced_while_its_batch_is_being_suspended_is_held(watcher, pair):
    watcher.add("m1", "m2")

    def replace(c):
        c.begin()
        c.replace("m1")
        c.commit()

    interleave(watcher, pair[0], lambda c: c.suspend(), pair[1], replace)
    assert watcher.states() == {"m1": "held", "m2": "held"}


def test_suspending_waits_for_a_message_that_is_being_replaced(watcher, pair):
    watcher.add("m1", "m2")
    interleave(watcher, pair[0], lambda c: c.replace("m1"), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held", "m2": "held"}


def test_a_message_that_leaves_its_batch_when_it_is_replaced_goes_out(watcher, pair):
    """It has no batch code any more: the transaction that replaces it does not share the tenant."""
    watcher.add("m1", "m2")
    interleave(watcher, pair[0], lambda c: c.replace("m1", batch=None), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "ready", "m2": "held"}


def test_a_replaced_message_of_a_suspended_batch_stays_held(watcher):
    watcher.add("m1")
    watcher.suspend()
    watcher.begin()
    watcher.replace("m1")
    watcher.commit()
    assert watcher.states() == {"m1": "held"}


def test_suspending_waits_for_a_claim_and_leaves_it_what_it_took(watcher, pair):
    watcher.add("m1")
    taken = {}
    interleave(watcher, pair[0], lambda c: taken.update(c.claim()), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "leased"}
    ENDS["returned"][0](watcher, list(taken.values()))
    assert watcher.states() == {"m1": "held"}


def test_a_claim_passes_by_what_is_being_suspended(watcher, pair):
    suspending, claiming = pair
    watcher.add("m1")
    watcher.add("none", batch=None)
    suspending.begin()
    suspending.suspend()
    claiming.sql("SET lock_timeout = '10s'")
    assert set(claiming.claim()) == {"none"}
    suspending.commit()
    assert claiming.claim() == {}


def test_suspending_waits_for_a_promotion_and_holds_what_it_promoted(watcher, pair):
    watcher.add("m1")
    watcher.sql("UPDATE mailproxy.queue SET state = 'scheduled'")
    interleave(watcher, pair[0], lambda c: c.run("promote_due", 100), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}


def test_a_promotion_passes_by_what_is_being_suspended(watcher, pair):
    suspending, promoting = pair
    watcher.add("m1")
    watcher.sql("UPDATE mailproxy.queue SET state = 'scheduled'")
    suspending.begin()
    suspending.suspend()
    promoting.sql("SET lock_timeout = '10s'")
    assert promoting.run("promote_due", 100) == [(0,)]
    suspending.commit()
    assert promoting.run("promote_due", 100) == [(0,)]
    assert watcher.states() == {"m1": "held"}


def test_two_tenants_are_suspended_side_by_side(watcher, pair):
    """The one who is second waits for the row that tells the workers, and for nothing else: no circle with one who
    suspends both."""
    watcher.add("a")
    watcher.add("b", tenant="other")
    interleave(watcher, pair[0], lambda c: c.suspend(tenant="other"), pair[1],
               lambda c: c.sql("UPDATE mailproxy.tenant SET suspended_batches = '{b1}'"))
    assert watcher.states() == {"a": "held", "b": "held"}


def test_a_recovery_that_comes_late_leaves_what_was_claimed_since(watcher, pair):
    """Its connection broke and its worker went on with another: the tokens it was sent with are no longer all there are."""
    suspending, recovering = pair
    watcher.add("m1")
    watcher.claim()
    suspending.begin()
    suspending.suspend()
    late = Later(lambda: recovering.run("recover_leases", 1, []))
    wait_for(lambda: recovering.is_waiting(watcher), "the recovery to wait")
    watcher.sql("UPDATE mailproxy.queue SET lease_token = nextval('mailproxy.lease_token_seq'), leased_at = now()")
    suspending.db.execute("ROLLBACK")
    late.join()
    assert watcher.states() == {"m1": "leased"}


def storm_worker(connection, epoch, turns):
    for turn in range(turns):
        claims = list(connection.claim(epoch).values())
        third = len(claims) // 3
        if claims[:third]:
            record(connection, claims[:third], blame="account" if turn % 2 else "recipient")
        if claims[third:2 * third]:
            ENDS["returned"][0](connection, claims[third:2 * third])
        connection.sql("UPDATE mailproxy.account_state SET gate_until = NULL, gate_reason = NULL, gate_recheck_at = NULL, failures = 0")
        connection.run("promote_due", 1000)
        connection.run("recover_leases", epoch, [])


def storm_server(connection, tenant, turns):
    for turn in range(turns):
        connection.begin()
        try:
            connection.replace(*[f"{tenant}-b1-{i}" for i in range(turn % 7, 30, 3)], batch="b1", tenant=tenant)
            connection.commit()
        except (AssertionError, psycopg.errors.NotNullViolation):  # one of them is in a worker's hands
            connection.db.execute("ROLLBACK")


def storm_control(connection, tenant, turns):
    for turn in range(turns):
        connection.suspend("b1" if turn % 5 else None, tenant)
        connection.activate(None, tenant)
        connection.suspend("b2", tenant)
        connection.activate("b2", tenant)


def test_a_storm_of_all_of_it_ends_in_no_deadlock_and_no_wrong_state(watcher, new_connection):
    for tenant in ("acme", "other"):
        for batch in ("b1", "b2", None):
            watcher.add(*[f"{tenant}-{batch}-{i}" for i in range(30)], batch=batch, tenant=tenant)
    calls = [lambda e=epoch, c=new_connection(): storm_worker(c, e, 15) for epoch in (1, 2)]
    for tenant in ("acme", "other"):
        calls.append(lambda t=tenant, c=new_connection(): storm_server(c, t, 15))
        calls += [lambda t=tenant, c=new_connection(): storm_control(c, t, 15) for _ in range(2)]
    storm = [Later(call) for call in calls]
    for part in storm:
        part.join()
    assert watcher.sql("SELECT count(*) > 0 FROM mailproxy.attempt") == [(True,)], "there was something in the workers' hands"
    for tenant in ("acme", "other"):
        watcher.activate(None, tenant)
    assert "held" not in watcher.states().values()
    for tenant in ("acme", "other"):
        watcher.suspend("b1", tenant)
    states = watcher.states()
    assert len(states) == 180
    assert {states[i] for i in states if "-b1-" in i} == {"held"}
    assert "held" not in {states[i] for i in states if "-b1-" not in i}
