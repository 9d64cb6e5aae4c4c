"""Where claims begin to look, so that they need not pass what earlier ones have left behind."""

import concurrent.futures
import random

import psycopg
import pytest
from support.queue_sql import Claimer, add_account, add_messages, by_account, options_of_the_programs, statement

EVERY = 256  # messages, of which one gives its account a front


def front(conn, tenant="acme", account="main"):
    return conn.execute("SELECT has_front, front, front_next FROM mailproxy.account_state WHERE tenant_id = %s AND account_id = %s",
                        (tenant, account)).fetchone()


def set_front(conn, fronts, tenant="acme", account="main"):
    conn.execute("UPDATE mailproxy.account_state SET has_front = true, front = %s, front_next = %s, front_next_at = now()"
                 " WHERE tenant_id = %s AND account_id = %s", (fronts, fronts, tenant, account))


def let_turn(conn):
    """Half a second passes."""
    conn.execute("UPDATE mailproxy.account_state SET front_next_at = now() - interval '1 second' WHERE has_front")


def pks(rows):
    return [row[Claimer.PK] for row in rows]


def waiting(conn, account="main"):
    return [pk for pk, in conn.execute("SELECT message_pk FROM mailproxy.queue WHERE state = 'ready' AND account_id = %s"
                                       " ORDER BY priority, message_pk", (account,))]


def test_every_256th_message_gives_its_account_a_front(conn, claimer):
    add_account(conn)
    add_messages(conn, EVERY + 50)
    assert pks(claimer.claim(most=EVERY - 1, batch_size=1000)) == list(range(1, EVERY))
    assert front(conn) == (False, None, None)
    claimer.claim(most=1, batch_size=1000)
    assert front(conn) == (True, [0, 0, 0, 0], [0, 0, EVERY, 0])


def test_a_front_follows_half_a_second_after_what_was_claimed(conn, claimer):
    """Until then what has a smaller message_pk may not be committed yet."""
    add_account(conn)
    add_messages(conn, EVERY + 50)
    claimer.claim(most=EVERY, batch_size=1000)
    claimer.claim(most=10, batch_size=1000)
    assert front(conn) == (True, [0, 0, 0, 0], [0, 0, EVERY, 0])
    let_turn(conn)
    claimer.claim(most=10, batch_size=1000)
    assert front(conn) == (True, [0, 0, EVERY, 0], [0, 0, EVERY + 20, 0])


def test_each_priority_has_its_own(conn, claimer):
    add_account(conn)
    for priority in (3, 1, 2, 0):
        add_messages(conn, 100, priority=priority)
    set_front(conn, [390, 190, 290, 90])
    assert pks(claimer.claim(most=100, batch_size=1000, everything=False)) == [*range(390, 401), *range(190, 201), *range(290, 301), *range(90, 101)]
    add_messages(conn, 1, priority=0)
    add_messages(conn, 1, priority=3)
    assert pks(claimer.claim(everything=False)) == [401, 402]


def overtaken(conn, account="main"):
    return conn.execute("SELECT overtaken FROM mailproxy.account_state WHERE account_id = %s", (account,)).fetchone()[0]


def test_what_lies_before_a_front_is_found_when_everything_is_looked_at(conn, claimer):
    add_account(conn)
    add_messages(conn, 100)
    set_front(conn, [0, 0, 90, 0])
    assert pks(claimer.claim(everything=False)) == list(range(90, 101))
    assert claimer.answer[0][Claimer.PASSED] is True
    assert claimer.claim(everything=False) == []
    assert claimer.answer[0][Claimer.PASSED] is True
    assert pks(claimer.claim(most=20)) == list(range(1, 21))
    assert claimer.answer[0][Claimer.PASSED] is False
    assert overtaken(conn)
    assert pks(claimer.claim(everything=False)) == list(range(21, 71)), "from the beginning until it comes to the front"
    add_messages(conn, 100)
    assert pks(claimer.claim(everything=False)) == [*range(71, 90), *range(101, 132)]
    assert not overtaken(conn)
    assert front(conn) == (True, [0, 0, 90, 0], [0, 0, 90, 0]), "it stays where it is meanwhile"


def test_who_was_overtaken_has_it_at_its_next_turn(conn, claimer):
    """A look at everything has no room for all, and whoever is busy has just had its turn."""
    for account in ("first", "busy"):
        add_account(conn, account=account)
    add_messages(conn, 10, account="first")
    add_messages(conn, 100, account="busy")
    set_front(conn, [0, 0, 61, 0], account="busy")
    assert by_account(claimer.claim(most=5, everything=False)) == {"first": 5}
    assert by_account(claimer.claim(most=5, everything=False)) == {"busy": 5}
    assert not overtaken(conn, "busy")
    assert by_account(claimer.claim(most=5)) == {"first": 5}
    assert overtaken(conn, "busy") and not overtaken(conn, "first")
    assert pks(claimer.claim(most=5, everything=False)) == list(range(11, 16))


def test_what_rose_to_a_higher_priority_lies_before_its_front(conn, claimer):
    add_account(conn)
    add_messages(conn, 1, priority=3)
    add_messages(conn, 100, priority=2)
    set_front(conn, [0, 0, 50, 0])
    conn.execute("UPDATE mailproxy.queue SET priority = 2 WHERE message_pk = 1")
    assert pks(claimer.claim(most=5, everything=False)) == list(range(50, 55))
    assert pks(claimer.claim(most=1)) == [1]
    assert overtaken(conn)
    assert pks(claimer.claim(most=5, everything=False)) == list(range(2, 7))


def test_who_is_overtaken_by_what_went_away_is_so_no_more(conn, claimer):
    """Else its claims would begin at the first message for good."""
    add_account(conn)
    add_messages(conn, 100)
    set_front(conn, [0, 0, 101, 0])
    conn.execute("UPDATE mailproxy.account_state SET overtaken = true")
    conn.execute("DELETE FROM mailproxy.queue")
    assert claimer.claim(everything=False) == []
    assert not overtaken(conn)


def test_an_account_without_work_after_its_front_is_no_candidate(conn, claimer):
    """Else it would take a turn, and a place among sixteen."""
    add_account(conn)
    add_messages(conn, 10)
    set_front(conn, [0, 0, 11, 0])
    before = conn.execute("SELECT served_at FROM mailproxy.account_state").fetchone()
    assert claimer.claim(everything=False) == []
    assert claimer.answer[0][Claimer.AGAIN_MS] is None
    assert conn.execute("SELECT served_at FROM mailproxy.account_state").fetchone() == before


@pytest.mark.parametrize("seed", range(8))
def test_all_with_work_are_found_wherever_fronts_are(conn, claimer, seed):
    """Accounts with work and without, with a front and without, alone or side by side in their tenants."""
    dice = random.Random(seed)
    expected = set()
    for tenant in dice.sample(["a", "ab", "b", "c", "d", "z", "ü", "\U0010ffff"], 5):
        for account in dice.sample(["1", "11", "2", "m", "x", "ü", "\U0010ffff"], dice.randint(1, 4)):
            add_account(conn, tenant, account)
            messages = dice.choice([0, 1, 3])
            add_messages(conn, messages, tenant, account)
            if dice.random() < 0.5:
                set_front(conn, [0, 0, 0, 0], tenant, account)
            if messages:
                expected.add((tenant, account))
    for _ in range(2):  # at most 16 accounts a claim
        rows = claimer.claim(most=500, everything=False)
        expected -= {(row[Claimer.ACCOUNT - 1], row[Claimer.ACCOUNT]) for row in rows}
    assert expected == set()


def pages_read(database, everything):
    """By a claim of ten messages, which is not carried out."""
    values = f"1, '{{}}', '{{}}', '{{}}', 1000, 10, 65536, '{{}}', 10, '{{}}', '{{}}', 50, -10000, 0, 0, {everything}"
    with psycopg.connect(database, options=options_of_the_programs(), prepare_threshold=None) as conn:
        conn.execute("SET plan_cache_mode = force_generic_plan")
        conn.execute("PREPARE claim AS " + statement("claim/claim_messages"))
        (plan,), = conn.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE claim({values})").fetchone()
        conn.rollback()
    return plan["Plan"]["Shared Hit Blocks"]


def test_a_claim_does_not_pass_what_was_claimed_while_a_snapshot_is_held(conn, claimer, database):
    """Counted in pages: nothing that died since can be taken away, neither by vacuum nor on the way."""
    add_account(conn)
    add_messages(conn, 200)
    with psycopg.connect(database) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM mailproxy.queue")
        claimer.claim(most=50, batch_size=100)
        few = pages_read(database, False)
        add_messages(conn, 20000)
        while rows := claimer.claim(most=1000, batch_size=1000):
            claimer.record(rows)
            let_turn(conn)
        add_messages(conn, 20000)
        conn.execute("ANALYZE mailproxy.queue")
        assert pages_read(database, False) < few + 100
        assert pages_read(database, True) > few + 500, "there is something to pass"


def test_fronts_are_forgotten_when_there_is_nothing_to_pass(conn, claimer):
    for account in ("one", "two"):
        add_account(conn, account=account)
        set_front(conn, [0, 0, 5, 0], account=account)
    text = statement("sweep/forget_fronts")
    conn.execute("SELECT pg_stat_reset_single_table_counters('mailproxy.queue'::regclass)")
    with psycopg.connect(conn.info.dsn, autocommit=True) as busy, busy.transaction():
        busy.execute("SELECT FROM mailproxy.account_state WHERE account_id = 'two' FOR UPDATE")
        assert conn.execute(text).fetchone() == (1,), "one is being claimed"
    assert conn.execute(text).fetchone() == (1,)
    assert front(conn, account="one") == front(conn, account="two") == (False, None, None)
    add_messages(conn, 100, account="one")
    set_front(conn, [0, 0, 5, 0], account="one")
    conn.execute("UPDATE mailproxy.queue SET due_at = now()")
    conn.execute("SELECT pg_stat_force_next_flush()")
    assert conn.execute("SELECT pg_stat_get_dead_tuples('mailproxy.queue'::regclass)").fetchone()[0] >= 64
    assert conn.execute(text).fetchone() == (0,)
    assert front(conn, account="one")[0]


def test_claims_side_by_side_take_each_message_once(conn, database):
    """Each sees fronts that another moves, and looks at everything as often."""
    add_account(conn)
    add_messages(conn, 3000)

    def work(number):
        claimer, taken = Claimer(database), []
        while rows := claimer.claim(most=20, batch_size=1000, everything=number % 2 == 0) or claimer.claim(most=20, batch_size=1000):
            taken += pks(rows)
            let_turn(conn) if number == 0 else claimer.conn.execute(statement("sweep/forget_fronts"))
        claimer.close()
        return taken

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        taken = [pk for part in pool.map(work, range(4)) for pk in part]
    assert sorted(taken) == list(range(1, 3001))
