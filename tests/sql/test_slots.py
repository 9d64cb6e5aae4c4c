"""Rate limits and the back-off of accounts, by the statements alone: what may be claimed, and when."""

import random
import threading
import time

import psycopg
import pytest
from support.queue_sql import Claimer, add_account, add_messages, most_in_a_window
from support.waiting import wait_for


@pytest.fixture
def new_claimer(database):
    claimers = []

    def start():
        claimers.append(Claimer(database))
        return claimers[-1]

    yield start
    for claimer in claimers:
        claimer.close()


@pytest.fixture
def claimer(new_claimer):
    return new_claimer()


def shorten(conn, period, seconds):
    conn.execute("UPDATE mailproxy.rate_length SET length = make_interval(secs => %s) WHERE period = %s", (seconds, period))


def gate(conn, account="main"):
    return conn.execute("SELECT gate_until > now(), gate_reason FROM mailproxy.account_state WHERE account_id = %s",
                        (account,)).fetchone()


def rate_limited(conn):
    return conn.execute("SELECT sum(rate_limited) FROM mailproxy.account_counter").fetchone()[0]


def let_gates_be_looked_at(conn):
    """As a second later."""
    conn.execute("UPDATE mailproxy.account_state SET gate_recheck_at = now() WHERE gate_recheck_at IS NOT NULL")


def test_no_more_is_claimed_than_the_limit_and_the_gate_tells_why(conn, claimer):
    add_account(conn, limit_per_minute=7)
    add_messages(conn, 20)
    assert len(claimer.claim()) == 7
    assert claimer.claim() == []
    assert gate(conn) == (True, "rate limit of 7 per minute reached")
    assert 0 < claimer.answer[0][Claimer.AGAIN_MS] <= 1000, "what is under way may come back untaken"
    let_gates_be_looked_at(conn)
    claimer.claim()
    assert rate_limited(conn) == 1, "the gate closed once"


def test_what_the_relay_took_counts_for_a_period(conn, claimer):
    shorten(conn, "minute", 1)
    add_account(conn, limit_per_minute=3)
    add_messages(conn, 20)
    claimer.record(claimer.claim())
    assert claimer.claim() == []
    assert claimer.answer[0][Claimer.AGAIN_MS] <= 1010 + 10, "one period, rounded up by a hundredth"
    assert len(wait_for(claimer.claim, "the period to pass")) == 3


@pytest.mark.parametrize("how", [
    {"outcome": "error", "blame": "message", "code": 550, "phase": "mail", "reason": "no"},
    {"outcome": "deferred", "blame": "message", "code": 451, "phase": "dot", "reason": "no", "retry_s": 600},
], ids=["refused", "deferred"])
def test_what_the_relay_did_not_take_gives_its_slot_back(conn, claimer, how):
    add_account(conn, limit_per_minute=3)
    add_messages(conn, 20)
    rows = claimer.claim()
    assert claimer.claim() == []
    claimer.record(rows[:2], **how)
    let_gates_be_looked_at(conn)
    assert len(claimer.claim()) == 2


def test_what_the_relay_may_have_taken_counts(conn, claimer):
    add_account(conn, limit_per_minute=3)
    add_messages(conn, 20)
    claimer.record(claimer.claim(), outcome="deferred", blame="message", code=None, reason="timeout", taken=True, retry_s=600)
    let_gates_be_looked_at(conn)
    assert claimer.claim() == []


def test_what_a_dead_worker_held_counts(conn, new_claimer):
    from support.queue_sql import statement

    add_account(conn, limit_per_minute=3)
    add_messages(conn, 20)
    dead, reaper = new_claimer(), new_claimer()
    assert len(dead.claim()) == 3
    conn.execute("UPDATE mailproxy.worker SET steady_since = now() - interval '1 day'")
    conn.execute("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '1 day' WHERE epoch = %s", (dead.epoch,))
    reaper.conn.execute("PREPARE reap AS " + statement("sweep/reap_workers"))
    assert len(reaper.conn.execute(f"EXECUTE reap({reaper.epoch})").fetchall()) == 3
    let_gates_be_looked_at(conn)
    assert reaper.claim() == []
    assert conn.execute("SELECT period::text, taken FROM mailproxy.rate_bucket").fetchall() == [("minute", 3)]


@pytest.mark.parametrize("correction", [
    "UPDATE mailproxy.rate_bucket SET taken = taken - 2",
    "DELETE FROM mailproxy.rate_bucket",
    "TRUNCATE mailproxy.rate_bucket",
    "UPDATE mailproxy.account SET limit_per_minute = 5",
    "UPDATE mailproxy.account SET limit_per_minute = NULL",
])
def test_a_correction_by_hand_acts_at_once(conn, claimer, correction):
    add_account(conn, limit_per_minute=3)
    add_messages(conn, 20)
    claimer.record(claimer.claim())
    assert claimer.claim() == []
    heard = []
    conn.add_notify_handler(lambda notice: heard.append(notice.channel))
    conn.execute("LISTEN mailproxy_wake")
    conn.execute(correction)
    assert len(claimer.claim()) >= 2
    assert gate(conn) == (None, None)
    assert set(heard) == {"mailproxy_wake"}


def test_urgent_mail_takes_the_next_slot(conn, claimer):
    add_account(conn, limit_per_minute=2)
    add_messages(conn, 10)
    claimer.claim()
    add_messages(conn, 1, priority=0)
    urgent = conn.execute("SELECT max(message_pk) FROM mailproxy.queue").fetchone()[0]
    conn.execute("UPDATE mailproxy.account SET limit_per_minute = 3")
    assert [row[Claimer.PK] for row in claimer.claim()] == [urgent]


def test_the_longest_of_several_limits_tells_when(conn, claimer):
    add_account(conn, limit_per_minute=2, limit_per_hour=2, limit_per_day=50)
    add_messages(conn, 10)
    claimer.record(claimer.claim())
    assert claimer.claim() == []
    assert gate(conn) == (True, "rate limit of 2 per hour reached")
    assert conn.execute("SELECT gate_until > now() + interval '59 minutes' FROM mailproxy.account_state").fetchone()[0]


def test_reject_makes_errors_of_what_is_over_the_limit(conn, claimer):
    add_account(conn, limit_per_minute=3, limit_behavior="reject")
    add_messages(conn, 10)
    before = conn.execute("SELECT news_seq FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'").fetchone()[0]
    assert len(claimer.claim()) == 3
    assert claimer.claim() == []
    assert claimer.answer[0][Claimer.REJECTED] == 7
    assert conn.execute("SELECT state::text, reason, count(*) FROM mailproxy.message GROUP BY 1, 2 ORDER BY 1").fetchall() == [
        ("error", "rate_limit_exceeded", 7), ("queued", None, 3)]
    assert conn.execute("SELECT event_type::text, description, count(*) FROM mailproxy.event GROUP BY 1, 2").fetchall() == [
        ("error", "rate_limit_exceeded", 7)]
    assert conn.execute("SELECT count(*) FROM mailproxy.queue").fetchone()[0] == 3
    assert conn.execute("SELECT news_seq FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'").fetchone()[0] > before
    assert gate(conn) == (None, None), "an account that rejects has nothing that waits"
    assert rate_limited(conn) == 7


def test_a_tenants_limit_counts_over_its_accounts_which_share_it(conn, claimer):
    for account in ("a", "b", "c"):
        add_account(conn, account=account, rate_limits={"hourly": 10, "daily": 0})
        add_messages(conn, 20, account=account)
    rows = claimer.claim()
    taken = sorted([r[Claimer.ACCOUNT] for r in rows].count(account) for account in ("a", "b", "c"))
    assert taken == [3, 3, 4]
    assert claimer.claim() == []
    assert gate(conn, "b") == (True, "tenant's rate limit of 10 per hour reached")
    claimer.record(rows)
    let_gates_be_looked_at(conn)
    assert claimer.claim() == []
    conn.execute("""UPDATE mailproxy.tenant SET rate_limits = '{"hourly": 13}' WHERE tenant_id = 'acme'""")
    assert len(claimer.claim()) == 3


@pytest.mark.parametrize("limits, hourly", [({"hourly": 5}, 5), ({"hourly": None}, None), ({"hourly": -1}, None), ({"hourly": "5"}, None),
                                            ([], None), ({"hourly": 7.9}, 7), ({"hourly": 1e300}, None)])
def test_a_tenants_limit_is_a_number_above_zero(conn, limits, hourly):
    row = conn.execute("INSERT INTO mailproxy.tenant (tenant_id, rate_limits) VALUES ('x', %s) RETURNING limit_per_hour",
                       (psycopg.types.json.Jsonb(limits),)).fetchone()
    assert row == (hourly,)


def test_deleting_and_making_an_account_again_does_not_forget_what_it_sent(conn, claimer):
    add_account(conn, limit_per_minute=3)
    add_messages(conn, 5)
    claimer.record(claimer.claim())
    conn.execute("DELETE FROM mailproxy.account")
    add_account(conn, limit_per_minute=3)
    add_messages(conn, 5)
    assert claimer.claim() == []


def test_gated_accounts_keep_nobody_waiting(conn, claimer):
    """More accounts at their limits than take turns in one claim, all of them longer unserved than the one with work to do."""
    for i in range(40):
        add_account(conn, account=f"full{i}", limit_per_minute=1)
        add_messages(conn, 3, account=f"full{i}")
    assert sum(len(claimer.claim()) for _ in range(3)) == 40
    add_account(conn, account="last")
    add_messages(conn, 1, account="last")
    got = []
    while claimer.answer and not got:
        got = claimer.claim()
        assert got or claimer.answer[0][Claimer.AGAIN_MS] == 0, "it must ask again at once"
    assert [row[Claimer.ACCOUNT] for row in got] == ["last"]


@pytest.mark.parametrize("scope", ["account", "tenant"])
def test_never_over_the_limit_however_many_claim_at_once(conn, database, scope):
    """Eight workers as fast as they can; a fifth of the messages is refused."""
    limit, period, accounts = 60, 1.5, ["main"] if scope == "account" else ["a", "b", "c", "d"]
    if scope == "account":
        shorten(conn, "minute", period)
        add_account(conn, limit_per_minute=limit)
    else:
        shorten(conn, "hour", period)
        for account in accounts:
            add_account(conn, account=account, rate_limits={"hourly": limit})
    for account in accounts:
        add_messages(conn, 3000 // len(accounts), account=account)
    taken, failed, done = [], [], threading.Event()

    def work(seed):
        chance = random.Random(seed)
        claimer = Claimer(database)
        try:
            while not done.is_set():
                rows = claimer.claim(batch_size=chance.choice([1, 3, 50]))
                for row in rows:
                    accepted = chance.random() < 0.8
                    if accepted:
                        taken.append(time.monotonic())
                        claimer.record([row])
                    else:
                        claimer.record([row], outcome="deferred", blame="message", phase="mail", code=451, reason="no", retry_s=3600)
                if not rows:
                    time.sleep(0.002)
        except BaseException as problem:  # noqa: BLE001 - told by the test's own thread
            failed.append(problem)
            raise
        finally:
            claimer.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: failed or len(taken) >= limit * 4, "four periods' worth to be taken", timeout=40)
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert most_in_a_window(taken, period) <= limit
    assert most_in_a_window(taken, period) >= 0.95 * limit


class TestBackOff:
    """An account at fault is tried by one worker at a time, less and less often."""

    FAULT = {"outcome": "deferred", "blame": "account", "phase": "connect", "code": None, "reason": "no route", "retry_s": 10}

    @pytest.fixture
    def tried(self, conn, claimer):
        """The account has failed once and its gate has opened."""
        add_account(conn)
        add_messages(conn, 20)
        claimer.record(claimer.claim(most=5), **self.FAULT)
        assert gate(conn) == (True, "the account is being backed off: no route")
        self.let_time_pass(conn)

    @staticmethod
    def let_time_pass(conn):
        conn.execute("UPDATE mailproxy.account_state SET gate_until = now() WHERE gate_until IS NOT NULL")

    @staticmethod
    def closed_for(conn):
        return float(conn.execute("SELECT extract(epoch FROM gate_until - now()) FROM mailproxy.account_state").fetchone()[0])

    def test_one_worker_tries_and_the_others_wait_for_it(self, conn, new_claimer, tried):
        first, second = new_claimer(), new_claimer()
        rows = first.claim()
        assert rows
        assert second.claim() == []
        let_gates_be_looked_at(conn)
        assert second.claim() == []
        assert gate(conn) == (True, "the account is being backed off: no route")
        assert len(rows) == 4, "a few to try it with"
        first.record(rows)
        assert gate(conn) == (None, None)
        assert len(second.claim()) == 16

    def test_the_time_doubles_up_to_the_longest(self, conn, claimer, tried):
        for expected in (20, 40, 80, 100, 100):
            claimer.record(claimer.claim(), **self.FAULT)
            assert expected - 1 < self.closed_for(conn) <= expected * 1.1
            self.let_time_pass(conn)

    def test_what_was_under_way_when_the_gate_closed_does_not_double_it(self, conn, new_claimer):
        add_account(conn)
        add_messages(conn, 20)
        first, second = new_claimer(), new_claimer()
        mine, other = first.claim(most=5), second.claim(most=5)
        first.record(mine, **self.FAULT)
        second.record(other, **self.FAULT)
        assert self.closed_for(conn) <= 11
        assert conn.execute("SELECT failures FROM mailproxy.account_state").fetchone()[0] == 1

    def test_a_refused_message_proves_the_account_well(self, conn, claimer, tried):
        claimer.record(claimer.claim(most=1), outcome="error", blame="message", phase="mail", code=550, reason="no")
        assert gate(conn) == (None, None)
        assert conn.execute("SELECT failures FROM mailproxy.account_state").fetchone()[0] == 0

    def test_a_try_that_comes_back_untried_lets_the_next_one_go(self, conn, new_claimer, tried):
        from support.queue_sql import statement

        first, second = new_claimer(), new_claimer()
        rows = first.claim()
        first.conn.execute("PREPARE give AS " + statement("claim/return_claims"))
        first.conn.execute(f"EXECUTE give(ARRAY{[r[Claimer.PK] for r in rows]}, ARRAY{[r[Claimer.TOKEN] for r in rows]})")
        let_gates_be_looked_at(conn)
        assert second.claim()


class TestConnections:
    """All workers together hold max_connections to an account's relay, and each its share at most."""

    def grants(self, conn):
        return dict(conn.execute("SELECT lease_epoch, connections FROM mailproxy.connection_grant").fetchall())

    def granted(self, claimer, rows):
        return {row[Claimer.CONNECTIONS] for row in rows}

    def test_one_worker_may_have_them_all(self, conn, claimer):
        add_account(conn, max_connections=7)
        add_messages(conn, 20)
        assert self.granted(claimer, claimer.claim()) == {7}
        assert self.grants(conn) == {claimer.epoch: 7}

    def test_no_more_are_granted_than_there_are_messages(self, conn, claimer):
        add_account(conn)
        add_messages(conn, 3)
        assert self.granted(claimer, claimer.claim()) == {3}

    def test_four_workers_share_three_and_who_gets_none_gets_no_message(self, conn, new_claimer):
        add_account(conn, max_connections=3)
        add_messages(conn, 100)
        claimers = [new_claimer() for _ in range(4)]
        got = [len(claimer.claim(batch_size=10)) for claimer in claimers]
        assert sorted(got) == [0, 10, 10, 10]
        assert sorted(self.grants(conn).values()) == [1, 1, 1]

    def test_what_would_wait_for_a_connection_is_not_claimed_while_another_worker_is_asking(self, conn, new_claimer, database):
        """Who holds as much as its batch size asks for nothing more, and its last message would wait until one of the others is done."""
        add_account(conn)
        add_messages(conn, 10)
        first = new_claimer()
        assert self.granted(first, first.claim(most=4)) == {4}
        with psycopg.connect(database) as other:
            other.execute("SELECT FROM mailproxy.account_state FOR NO KEY UPDATE")
            assert first.claim(batch_size=5, held=[("acme", "main", 4, 4)]) == []
            assert 0 < first.answer[0][Claimer.AGAIN_MS] <= 20
        assert self.granted(first, first.claim(batch_size=5, held=[("acme", "main", 4, 4)])) == {5}

    def test_what_is_kept_no_more_goes_back(self, conn, claimer):
        add_account(conn)
        add_messages(conn, 10)
        claimer.record(claimer.claim())
        claimer.claim(held=[("acme", "main", 0, 4)])
        assert self.grants(conn) == {claimer.epoch: 4}
        claimer.claim()
        assert self.grants(conn) == {}

    def test_a_worker_with_more_than_its_share_is_told(self, conn, new_claimer):
        add_account(conn)
        add_messages(conn, 100)
        first = new_claimer()
        assert self.granted(first, first.claim(batch_size=20)) == {10}
        second = new_claimer()
        assert second.claim() == [], "they are all taken"
        assert self.granted(first, first.claim(batch_size=30, held=[("acme", "main", 20, 10)])) == {5}
        first.claim(batch_size=30, held=[("acme", "main", 30, 5)])
        conn.execute("UPDATE mailproxy.account_state SET crowded_until = now()")
        assert self.granted(second, second.claim()) == {5}

    def test_what_a_dead_worker_was_granted_counts_no_more(self, conn, new_claimer):
        add_account(conn, max_connections=1)
        add_messages(conn, 10)
        dead, living = new_claimer(), new_claimer()
        assert len(dead.claim(most=1)) == 1
        assert living.claim() == []
        conn.execute("UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped' WHERE epoch = %s", (dead.epoch,))
        conn.execute("UPDATE mailproxy.account_state SET crowded_until = now()")
        assert len(living.claim()) == 9
