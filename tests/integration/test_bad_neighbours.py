"""A relay that is dead or slow holds what is its own account's, and nobody else's mail waits for it."""

import threading

import pytest
from support.programs import message
from support.relay import SILENCE, DeadPort, after
from support.waiting import wait_for

CONNECTIONS = 30  # of the worker: three accounts' worth of max_connections
FEW = 4  # messages of an account at first contact
HELD = """SELECT account_id, count(*)::integer AS held FROM mailproxy.queue
           WHERE state = 'leased' AND account_id <> 'well' GROUP BY account_id"""


@pytest.fixture
def hanging(new_relay):
    """It accepts, and says nothing."""
    relay = new_relay()
    relay.on("greeting", SILENCE)
    return relay


@pytest.fixture
def slow(new_relay):
    """It answers no dot before the test has ended."""
    relay, over = new_relay(), threading.Event()
    relay.on("dot", lambda *_: over.wait(120) and None)
    yield relay
    over.set()


@pytest.fixture
def system(new_system):
    return new_system(GMP_WORKER_CONNECTIONS=CONNECTIONS)


@pytest.fixture
def api(system):
    return system.add_tenant()


def fill(api, relay, accounts, messages, **fields):
    """Accounts at that relay, each with so many messages that are due."""
    for account in accounts:
        api.system.add_account(api, relay, account, **fields)
        api.enqueue(*[message(f"{account}-{i}", account) for i in range(messages)])


def held(api):
    """How many messages of each account the worker has in its hands, but for `well`."""
    return {row["account_id"]: row["held"] for row in api.system.rows(HELD)}


def open_sessions(relay):
    return [s for s in relay.sessions if not s.has_left()]


def send_well(api, relay, count=30):
    """Mail of a healthy account, all of which arrives."""
    ids = [f"well-{len(relay.mails)}-{i}" for i in range(count)]
    api.system.add_account(api, relay, "well")
    api.enqueue(*[message(i, "well") for i in ids])
    wait_for(lambda: set(ids) <= set(relay.ids()), "the healthy account's mail")


def test_new_accounts_that_hang_hold_one_connection_and_a_few_messages_each(api, relay, hanging):
    accounts = [f"hangs{i}" for i in range(6)]
    fill(api, hanging, accounts, 60)
    wait_for(lambda: len(hanging.sessions) == 6, "all of them to hang")
    send_well(api, relay)
    assert len(open_sessions(hanging)) == len(hanging.sessions) == 6
    assert held(api) == dict.fromkeys(accounts, FEW)


def test_more_dead_accounts_than_connections_leave_half_of_them(new_system, relay, hanging):
    system = new_system(GMP_WORKER_CONNECTIONS=10)
    api = system.add_tenant()
    system.add_account(api, relay, "well", ttl=0)
    api.enqueue(message("first", "well"))
    system.wait_state("sent", "first")
    fill(api, hanging, [f"hangs{i}" for i in range(40)], 10)
    wait_for(lambda: len(hanging.sessions) == 5, "half of the connections to hang")
    api.enqueue(*[message(f"w{i}", "well") for i in range(100)])
    wait_for(lambda: len(relay.ids()) == 101, "the healthy account's mail")
    assert len(open_sessions(hanging)) == len(hanging.sessions) == 5
    assert sum(held(api).values()) <= 10 * 4 / 2, "and half of the messages it can hold"


def test_slow_relays_with_deep_queues_leave_room_for_a_new_account(api, relay, slow):
    fill(api, slow, ["slow1", "slow2", "slow3"], 60)
    wait_for(lambda: slow.count("dot") >= 20 and min(held(api).values()) > FEW, "the slow relays to hold what they may")
    send_well(api, relay)
    assert slow.mails == []


def test_hanging_refusing_and_slow_ones_together(api, relay, hanging, slow):
    dead = DeadPort()
    fill(api, slow, ["slow1", "slow2"], 60)
    fill(api, hanging, [f"hangs{i}" for i in range(6)], 60)
    fill(api, dead, [f"refuses{i}" for i in range(8)], 60)
    wait_for(lambda: len(hanging.sessions) == 6 and slow.count("dot") >= 10, "them to be busy")
    send_well(api, relay)
    send_well(api, relay)
    assert slow.mails == [] and len(open_sessions(hanging)) == 6
    dead.close()


def test_relays_that_were_well_and_hang_now_give_back_what_they_took(api, relay, new_relay):
    late, accounts = new_relay(), ["late1", "late2", "late3"]
    for account in accounts:
        api.system.add_account(api, late, account, ttl=0)
        api.enqueue(message(f"first-{account}", account))
        api.system.wait_state("sent", f"first-{account}")
    late.on("greeting", SILENCE)
    before = len(late.sessions)
    for account in accounts:
        api.enqueue(*[message(f"{account}-{i}", account) for i in range(60)])
    wait_for(lambda: len(late.sessions) >= before + 10, "them to hang")
    send_well(api, relay)
    wait_for(lambda: len(open_sessions(late)) == 3 and held(api) == dict.fromkeys(accounts, FEW),
             "them to hold no more than new accounts")
    assert {row["retries"] for row in api.system.rows("SELECT DISTINCT retries FROM mailproxy.message")} == {0}


class TestFirstContact:
    @pytest.fixture
    def gate(self):
        gate = threading.Event()
        yield gate
        gate.set()

    def test_one_connection_first_and_the_rest_when_it_stands(self, api, relay, new_relay, gate):
        new = new_relay()
        new.on("greeting", lambda *_: gate.wait(60) and None)
        new.on("dot", after(0.05))
        fill(api, new, ["new"], 100)
        wait_for(lambda: held(api) == {"new": FEW}, "first contact")
        send_well(api, relay)
        assert len(new.sessions) == 1 and held(api) == {"new": FEW}
        gate.set()
        wait_for(lambda: len(new.ids()) == 100, "all of it")
        assert len(new.sessions) == 10, "max_connections"

    def test_it_is_made_again_after_a_failure(self, api, relay, gate):
        fill(api, relay, ["main"], 1, ttl=0)
        api.system.wait_state("sent", "main-0")
        relay.on("greeting", ["421 4.3.2 not now"])
        api.enqueue(message("fails"))
        wait_for(lambda: api.system.value("SELECT max(failures) FROM mailproxy.account_state") == 1, "it to fail")
        relay.on("greeting", lambda *_: gate.wait(60) and None)
        api.enqueue(*[message(f"m{i}") for i in range(30)])
        assert api.post("/commands/run-now").status == 200
        wait_for(lambda: held(api) == {"main": FEW} and open_sessions(relay), "first contact")
        assert len(open_sessions(relay)) == 1
        gate.set()
        api.system.wait_all_final()

    def test_urgent_mail_waits_for_no_more_than_the_first_few(self, api, new_relay, gate):
        new = new_relay()
        new.on("greeting", lambda *_: gate.wait(60) and None)
        fill(api, new, ["new"], 60, max_connections=1)
        wait_for(lambda: held(api) == {"new": FEW}, "first contact")
        api.enqueue(message("urgent", "new", priority=0))
        gate.set()
        wait_for(lambda: "urgent" in new.ids(), "the urgent one")
        assert new.ids().index("urgent") <= FEW

    def test_messages_whose_attachments_are_slow_leave_their_places_to_others(self, new_system, relay, store, gate):
        system = new_system()
        api = system.add_tenant(store=store)
        store.files["slow"] = lambda: gate.wait(60) and (200, b"attached")
        system.add_account(api, relay)
        attachments = [{"filename": "a.txt", "storage_path": "slow", "fetch_mode": "endpoint"}]
        api.enqueue(*[message(f"slow{i}", attachments=attachments) for i in range(FEW)])
        wait_for(lambda: held(api) == {"main": FEW}, "them to be composed")
        api.enqueue(message("plain"))
        wait_for(lambda: relay.ids() == ["plain"], "the one without attachments")
        gate.set()
        api.system.wait_all_final()
        assert len(relay.ids()) == FEW + 1

    def test_it_is_made_anew_when_the_account_is_updated(self, api, relay, hanging):
        fill(api, hanging, ["main"], 60)
        wait_for(lambda: held(api) == {"main": FEW}, "it to hang")
        api.system.add_account(api, relay)  # where it should have gone
        wait_for(lambda: len(relay.ids()) == 60 - 1, "all but what is on the connection that hangs")
        assert len(open_sessions(hanging)) == 1
