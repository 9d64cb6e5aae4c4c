"""What a claim gives of accounts whose relays have not let a worker in yet, and what it leaves for others."""

import pytest
from support.queue_sql import Claimer, add_account, add_messages, by_account, statement

FAULT = {"outcome": "deferred", "blame": "account", "phase": "connect", "code": None, "reason": "no route", "retry_s": 10}


def add(conn, messages, *accounts, **fields):
    for account in accounts:
        add_account(conn, account=account, **fields)
        add_messages(conn, messages, account=account)


def is_proven(conn):
    return conn.execute("SELECT proven FROM mailproxy.account_state").fetchone()[0]


def test_a_new_account_gives_four(conn, claimer):
    add(conn, 60, "new", proven=False)
    add(conn, 60, "known")
    assert by_account(claimer.claim(most=100)) == {"new": 4, "known": 50}


@pytest.mark.parametrize("few, more", [(0, 0), (3, 3), (None, 46)])
def test_until_it_has_let_the_worker_in(conn, claimer, few, more):
    add(conn, 60, "new", proven=False)
    assert len(claimer.claim()) == 4
    assert len(claimer.claim(held=[("acme", "new", 4, 4)], few=[few])) == more


def test_an_update_of_the_account_makes_contact_anew(conn, claimer):
    add(conn, 60, "new", proven=False)
    assert len(claimer.claim()) == 4
    conn.execute("UPDATE mailproxy.account SET version = 2")
    assert len(claimer.claim(held=[("acme", "new", 4, 4)], few=[0])) == 4


def test_a_small_batch_is_smaller_still(conn, claimer):
    add(conn, 60, "new", proven=False, batch_size=3)
    assert len(claimer.claim()) == 3


def test_new_accounts_together_give_no_more_than_the_worker_says(conn, claimer):
    add(conn, 60, *[f"new{i}" for i in range(6)], proven=False)
    add(conn, 60, "known")
    assert by_account(claimer.claim(most=100, unproven=10)) == {"new0": 4, "new1": 4, "new2": 2, "known": 50}


def test_when_they_have_enough_new_accounts_take_nobodys_turn(conn, claimer):
    add(conn, 60, *[f"new{i}" for i in range(20)], proven=False)
    add(conn, 60, "known")
    assert by_account(claimer.claim(unproven=0)) == {"known": 50}


def test_deep_accounts_leave_a_part_for_others(conn, claimer):
    add(conn, 60, "a", "b", "c", "d")
    held = {}
    while got := by_account(claimer.claim(most=120 - sum(held.values()), reserve=30, held=[("acme", a, n, 1) for a, n in held.items()])):
        held = {a: held.get(a, 0) + got.get(a, 0) for a in {**held, **got}}
        assert claimer.answer[0][Claimer.KEPT_BACK], "some of it is kept back"
    assert claimer.answer[0][Claimer.AGAIN_MS] is None and claimer.answer[0][Claimer.KEPT_BACK], "until there is room"
    assert held == {"a": 50, "b": 30, "c": 4, "d": 4}


def test_a_deep_account_alone_waits_for_room_before_it_is_asked_for_again(conn, claimer):
    """Else a claim of what has been sent meanwhile follows the other without end, each of a few messages."""
    add(conn, 60, "deep")
    assert by_account(claimer.claim(most=40, reserve=10)) == {"deep": 23}
    assert claimer.answer[0][Claimer.AGAIN_MS] is None and claimer.answer[0][Claimer.KEPT_BACK]


def test_a_part_that_nobody_needs_costs_no_account_its_turn(conn, claimer):
    add(conn, 1, *[f"single{i}" for i in range(10)])
    add(conn, 60, "deep")
    got = by_account(claimer.claim(most=160, reserve=40))
    assert got.pop("deep") == 4 and len(got) == 10
    held = [("acme", a, 1, 1) for a in got] + [("acme", "deep", 4, 4)]
    assert claimer.answer[0][Claimer.AGAIN_MS] == 0
    assert by_account(claimer.claim(most=146, reserve=40, held=held)) == {"deep": 46}
    assert claimer.answer[0][Claimer.AGAIN_MS] is None and not claimer.answer[0][Claimer.KEPT_BACK]


def test_an_answer_in_a_transaction_proves_an_account_and_a_fault_unproves_it(conn, claimer):
    add(conn, 20, "main", proven=False)
    claimer.record(claimer.claim(most=1), outcome="error", blame="message", phase="mail", code=550, reason="no")
    assert is_proven(conn)
    claimer.record(claimer.claim(most=1), **FAULT)
    assert not is_proven(conn)


def test_to_prove_an_account_opens_no_limits_gate(conn, claimer):
    add(conn, 20, "main", proven=False, limit_per_minute=3)
    rows = claimer.claim()
    assert claimer.claim() == []
    claimer.record(rows)
    assert is_proven(conn)
    assert conn.execute("SELECT gate_until > now(), gate_reason FROM mailproxy.account_state").fetchone() == (
        True, "rate limit of 3 per minute reached")


def test_an_account_that_keeps_a_worker_waiting_is_doubted_for_all(conn, claimer):
    add(conn, 60, "main")
    claimer.conn.execute("PREPARE doubt (text, text) AS " + statement("claim/doubt_account"))
    claimer.conn.execute("EXECUTE doubt('acme', 'main')")
    assert not is_proven(conn)
    assert len(claimer.claim()) == 4
