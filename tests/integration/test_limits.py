"""Rate limits as a relay sees them: four workers, no window over the limit, and the limit used."""

import threading
import time

import pytest
from support.programs import epoch, message
from support.queue_sql import most_in_a_window
from support.relay import after, count_open
from support.waiting import LIMIT_FACTOR, wait_for

MINUTE = 8 * LIMIT_FACTOR  # seconds; sanitized programs take longer for the rest of it


@pytest.fixture
def arrivals(relay):
    """When each final dot reached the relay, by recipient."""
    times = {}

    def note(_session, mail):
        times.setdefault(mail.recipients[0], []).append(time.monotonic())

    relay.on("dot", note)
    return times


def shorten(system, period, seconds):
    system.rows("UPDATE mailproxy.rate_length SET length = make_interval(secs => %s) WHERE period = %s", seconds, period)


def assert_used(system, limit, period, account=None):
    """
    At least 95 %: whatever is recorded as sent is followed, `limit` messages later, by the claim of the next one soon after
    the period. By the clock of the database: how long the relay takes in between is not the service's doing.
    """
    rows = system.rows(
        "SELECT extract(epoch FROM m.created_at)::float + a.queue_ms / 1000.0 AS claimed, extract(epoch FROM a.ended_at)::float AS recorded"
        " FROM mailproxy.message m JOIN mailproxy.attempt a USING (message_pk) WHERE m.account_id = coalesce(%s, m.account_id)", account)
    claimed, recorded = (sorted(row[column] for row in rows) for column in ("claimed", "recorded"))
    gaps = [later - earlier for earlier, later in zip(recorded, claimed[limit:], strict=False)]
    assert len(gaps) == len(rows) - limit > 0
    assert sum(gaps) / len(gaps) <= period / 0.95


def test_four_workers_keep_to_the_limit_and_use_it(new_system, relay, arrivals):
    system = new_system(workers=0)
    shorten(system, "minute", MINUTE)
    api = system.add_tenant()
    limits = {"many": 100, "few": 7}
    for account, limit in limits.items():
        system.add_account(api, relay, account, limit_per_minute=limit)
        api.enqueue(*[message(f"{account}{i}", account, to=[f"{account}@x.test"]) for i in range(limit * 3)])
    for _ in range(4):
        system.start_worker()
    system.wait_all_final()
    for account, limit in limits.items():
        times = sorted(arrivals[f"{account}@x.test"])
        assert len(times) == limit * 3
        assert most_in_a_window(times, MINUTE) == limit
        assert_used(system, limit, MINUTE, account)
    assert len({row["worker_epoch"] for row in system.rows("SELECT worker_epoch FROM mailproxy.attempt")}) > 1
    assert system.value("SELECT max(retries) FROM mailproxy.message") == 0


def test_a_killed_worker_does_not_lead_over_the_limit(new_system, relay, arrivals):
    system = new_system(workers=3, GMP_LEASE_SECONDS=1)
    shorten(system, "minute", MINUTE)
    api = system.add_tenant()
    system.add_account(api, relay, limit_per_minute=40)
    api.enqueue(*[message(f"m{i}", to=["all@x.test"]) for i in range(100)])
    wait_for(lambda: arrivals.get("all@x.test"), "the first to arrive")
    system.workers[0].kill()
    system.workers[1].kill()
    system.wait_all_final()
    assert most_in_a_window(arrivals["all@x.test"], MINUTE) <= 40


def test_while_a_limit_makes_it_wait_a_message_tells_until_when_and_why(new_system, relay):
    system = new_system()
    api = system.add_tenant()
    system.add_account(api, relay, limit_per_hour=2)
    api.enqueue(*[message(f"m{i}") for i in range(5)])
    wait_for(lambda: sorted(m["status"] for m in api.messages()) == ["deferred"] * 3 + ["sent"] * 2, "two to be sent, three to wait")
    shown = [m for m in api.messages() if m["status"] == "deferred"]
    assert {m["deferred_reason"] for m in shown} == {"rate limit of 2 per hour reached"}
    assert all(epoch() + 3400 < m["deferred_ts"] < epoch() + 3700 for m in shown)
    api.enqueue(message("urgent", priority=0))
    system.add_account(api, relay, limit_per_hour=3)  # as POST /account
    system.wait_state("sent", "urgent")
    assert len(relay.mails) == 3


def test_reject_is_an_error_that_is_reported(new_system, relay, store):
    system = new_system()
    api = system.add_tenant(store=store)
    system.add_account(api, relay, limit_per_day=2, limit_behavior="reject")
    api.enqueue(*[message(f"m{i}") for i in range(5)])
    system.wait_all_final()
    told = [wait_for(lambda i=i: store.entries(f"m{i}"), f"m{i} to be reported")[-1] for i in range(5)]
    assert sorted(entry.get("error", "") for entry in told) == ["", ""] + ["rate_limit_exceeded"] * 3
    assert len(relay.mails) == 2


def test_a_tenants_limit_counts_over_its_accounts(new_system, relay, arrivals):
    system = new_system(workers=0)
    shorten(system, "hour", MINUTE)
    api = system.add_tenant(rate_limits={"hourly": 30})
    for account in ("a", "b"):
        system.add_account(api, relay, account)
        api.enqueue(*[message(f"{account}{i}", account, to=["all@x.test"]) for i in range(45)])
    for _ in range(3):
        system.start_worker()
    system.wait_all_final()
    times = sorted(arrivals["all@x.test"])
    assert most_in_a_window(times, MINUTE) == 30
    assert_used(system, 30, MINUTE)


class TestConnections:
    """max_connections holds over all workers together."""

    @pytest.fixture
    def most(self, relay):
        return count_open(relay)

    def test_four_workers_share_the_connections_of_an_account(self, new_system, relay, most):
        system = new_system(workers=0)
        api = system.add_tenant()
        system.add_account(api, relay, max_connections=3)
        relay.on("dot", after(0.02))
        api.enqueue(*[message(f"m{i}") for i in range(240)])
        for _ in range(4):
            system.start_worker()
        system.wait_all_final()
        assert len(relay.mails) == 240
        assert most[0] == 3

    def test_what_a_worker_leaves_idle_does_not_keep_others_waiting_for_ever(self, new_system, relay, most):
        system = new_system(workers=1, GMP_LEASE_SECONDS=1)
        api = system.add_tenant()
        system.add_account(api, relay, max_connections=1)
        api.enqueue(message("m0"))
        system.wait_state("sent", "m0")
        first = system.workers[0]
        assert system.rows("SELECT lease_epoch, connections FROM mailproxy.connection_grant") == [{"lease_epoch": 1, "connections": 1}]
        system.start_worker()
        first.kill()
        api.enqueue(message("m1"))
        system.wait_state("sent", "m1")
        assert [row["lease_epoch"] for row in system.rows("SELECT * FROM mailproxy.connection_grant")] == [2]

    def test_closed_connections_are_given_back(self, new_system, relay):
        system = new_system()
        api = system.add_tenant()
        system.add_account(api, relay, ttl=0)
        api.enqueue(*[message(f"m{i}") for i in range(20)])
        system.wait_all_final()
        wait_for(lambda: not system.rows("SELECT FROM mailproxy.connection_grant"), "the grants to go")

    def test_a_failing_account_is_tried_over_one_connection(self, new_system, relay, most):
        system = new_system(workers=3)
        api = system.add_tenant(retry_delays=[0] * 20)
        system.add_account(api, relay)
        state = "SELECT failures, gate_until FROM mailproxy.account_state WHERE account_id = 'main'"
        refusing = threading.Event()
        trying, lock, at_once = [0], threading.Lock(), []

        def refuse(_session, _argument):
            with lock:
                trying[0] += 1
                if refusing.is_set():
                    at_once.append(trying[0])
            time.sleep(0.05)
            with lock:
                trying[0] -= 1
            return "421 4.3.2 not now"

        relay.on("greeting", refuse)
        api.enqueue(*[message(f"m{i}") for i in range(60)])
        wait_for(lambda: system.rows(state)[0]["failures"] >= 2 and trying[0] == 0, "the account to be at fault")
        refusing.set()
        wait_for(lambda: len(at_once) >= 5, "some tries")
        assert max(at_once) == 1
