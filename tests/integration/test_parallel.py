"""Nobody waits for anybody: slow relays, many connections, many messages."""

import threading
import time

import pytest
from support.programs import message
from support.relay import count_open
from support.waiting import wait_for

LEASED = "SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'"


def test_the_reply_to_the_dot_blocks_no_other_session(new_system, relay):
    """A relay that answers no dot before it has fifty of them in its hands: fifty sessions side by side, or none ends."""
    all_out = threading.Event()

    def hold(_session, _mail):
        if relay.count("dot") == 50:
            all_out.set()
        return None if all_out.wait(60) else "451 4.3.0 not all fifty came"

    relay.on("dot", hold)
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=50)
    api.enqueue(*[message(f"m{i}") for i in range(50)])
    system.wait_state("sent", *[f"m{i}" for i in range(50)], timeout=60)
    events = [what for what, _ in relay.events if what in ("dot", "dot-reply")]
    assert events == ["dot"] * 50 + ["dot-reply"] * 50
    assert len({session for what, session in relay.events if what == "dot"}) == 50
    assert sorted(relay.ids()) == sorted(f"m{i}" for i in range(50))


def test_a_slow_relay_holds_up_no_other_account(new_system, new_relay):
    slow, quick = new_relay(), new_relay()
    gate = threading.Event()
    slow.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, slow, "slow")
    system.add_account(api, quick, "quick")
    api.enqueue(*[message(f"s{i}", account="slow") for i in range(100)])
    wait_for(lambda: slow.count("dot") > 0, "the slow relay to be busy")
    api.enqueue(*[message(f"q{i}", account="quick") for i in range(100)])
    system.wait_state("sent", *[f"q{i}" for i in range(100)])
    assert slow.mails == []
    gate.set()
    system.wait_state("sent", *[f"s{i}" for i in range(100)])


def test_connections_of_an_account_stay_within_its_limit(new_system, relay):
    most = count_open(relay)
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=3)
    api.enqueue(*[message(f"m{i}") for i in range(150)])
    system.wait_all_final()
    assert len(relay.mails) == 150
    assert most[0] == 3


def test_a_thousand_messages_with_ten_bad_ones_the_rest_is_sent(new_system, smtp_sink, store):
    system = new_system(workers=1)
    api = system.add_tenant(store=store)
    system.add_account(api, smtp_sink)
    batch = [message(f"k{i}", to=["a\r\nb@x.test"] if i % 100 == 7 else ["ok@x.test"]) for i in range(1000)]
    answer = api.add(*batch)
    assert answer.json["queued"] == 990
    system.wait_all_final()
    good = {f"k{i}" for i in range(1000) if i % 100 != 7}
    assert set(smtp_sink.ids()) == good
    assert len(smtp_sink.ids()) == 990
    wait_for(lambda: store.reported_ids() == good, "all to be reported, and no rejected one")


def test_priorities_go_first(new_system, relay):
    system = new_system(workers=0)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1, batch_size=1)
    api.enqueue(*[message(f"p{p}-{i}", priority=p) for p in (3, 2, 1, 0) for i in range(5)])
    system.start_worker()
    system.wait_all_final()
    assert relay.ids() == [f"p{p}-{i}" for p in range(4) for i in range(5)]


def test_urgent_mail_passes_by_what_its_worker_already_holds(new_system, relay):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and time.sleep(0.1))
    system = new_system()
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1)
    api.enqueue(*[message(f"m{i}") for i in range(10)])
    wait_for(lambda: system.value(LEASED) == 10 and relay.count("dot") == 1, "the worker to hold all ten")
    api.enqueue(message("urgent", priority=0))
    wait_for(lambda: system.value(LEASED) == 11, "it to hold the urgent one too")
    gate.set()
    system.wait_all_final()
    assert relay.ids()[0] == "m0"
    assert relay.ids().index("urgent") <= 5, "at once, but for what goes out while the claim's answer is on its way"
    assert [i for i in relay.ids() if i != "urgent"] == [f"m{i}" for i in range(10)]


def test_what_has_been_due_for_long_goes_out_before_higher_priorities_that_came_later(new_system, relay):
    system = new_system(workers=0)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1, batch_size=1)
    api.enqueue(*[message(f"old{i}", priority=3) for i in range(3)], *[message(f"late{i}", priority=3) for i in range(2)])
    api.enqueue(*[message(f"high{i}", priority=1) for i in range(3)], message("urgent", priority=0))
    system.rows("UPDATE mailproxy.queue q SET due_at = due_at - interval '90 minutes', priority = 2 FROM mailproxy.message m"
                " WHERE m.message_pk = q.message_pk AND m.message_id LIKE 'old%%'")  # as after an hour
    system.rows("UPDATE mailproxy.queue q SET due_at = due_at - interval '2 hours' FROM mailproxy.message m"
                " WHERE m.message_pk = q.message_pk AND m.message_id = 'old1'")
    system.rows("UPDATE mailproxy.account_state SET gate_until = now() + interval '1 hour', gate_reason = 'a limit'")
    system.start_worker()
    risen = "SELECT count(*) FROM mailproxy.queue q JOIN mailproxy.message m USING (message_pk) WHERE q.priority < m.priority - 1"
    wait_for(lambda: system.value(risen) == 1, "the one that has been due for more than two hours to rise again")
    assert {m["id"]: m["priority"] for m in api.messages()}["old1"] == 3, "what the client asked for"
    api.post("/commands/run-now")
    system.wait_all_final()
    assert relay.ids() == ["urgent", "old1", "high0", "high1", "high2", "old0", "old2", "late0", "late1"]


@pytest.mark.parametrize("age, expected", [
    (1, ["low0", "low1", "low2", "high0", "high1"]), (0, ["low0", "high0", "high1", "low1", "low2"]),
], ids=["after a second", "never"])
def test_what_waits_for_long_in_a_workers_hands_rises_too(new_system, relay, age, expected):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=0, GMP_PRIORITY_AGE=age)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1)
    api.enqueue(*[message(f"low{i}", priority=3) for i in range(3)])
    system.start_worker()
    held = "SELECT count(*) FROM mailproxy.queue WHERE leased_at < now() - interval '4 seconds'"
    wait_for(lambda: system.value(held) == 3 and relay.count("dot") == 1, "the worker to have held all three for long enough")
    api.enqueue(message("high0", priority=1), message("high1", priority=1))
    wait_for(lambda: relay.count("dot") == 1 and system.value(LEASED) == 5, "it to hold the high ones too")
    api.enqueue(message("last", priority=3))
    wait_for(lambda: system.value(LEASED) == 6, "it to have put the high ones in their place")
    gate.set()
    system.wait_all_final()
    assert relay.ids() == expected + ["last"]


def test_a_message_waits_for_its_time(new_system, relay):
    from support.programs import epoch

    system = new_system()
    api = system.add_tenant()
    system.add_account(api, relay)
    due = epoch() + 3
    api.enqueue(message("later", deferred_ts=due), message("now"))
    system.wait_state("sent", "later")
    assert relay.ids() == ["now", "later"]
    assert api.message("later")["sent_ts"] >= due


def test_an_idle_worker_learns_of_a_message_at_once(new_system, relay):
    """By NOTIFY: the poll is there for when a notification is lost. Shown by order: no poll falls between."""
    system = new_system()
    api = system.add_tenant()
    system.add_account(api, relay)
    for i in range(20):
        api.enqueue(message(f"m{i}"))
        system.wait_state("sent", f"m{i}")
    assert relay.ids() == [f"m{i}" for i in range(20)]


def test_what_lies_before_its_accounts_front_is_sent_too(new_system, relay):
    """As what came back or was stored late. Nobody tells the worker to look at everything; now and then it has just done so, now and then not."""
    system = new_system(workers=1)
    api = system.add_tenant()
    for account in ("other", "main"):
        system.add_account(api, relay, account)
    api.enqueue(*[message(f"m{i}") for i in range(300)])
    system.wait_all_final()  # by now there are dead rows enough to keep fronts
    behind_all = [10**9] * 4
    for i in range(5):
        api.enqueue(message(f"o{i}", account="other"))
        system.wait_state("sent", f"o{i}")
        system.rows("UPDATE mailproxy.account_state SET has_front = true, front = %s, front_next = %s, front_next_at = now()"
                    " WHERE account_id = 'main'", behind_all, behind_all)
        api.enqueue(message(f"late{i}"))
        system.wait_state("sent", f"late{i}")
        row, = system.rows("SELECT front FROM mailproxy.account_state WHERE account_id = 'main'")
        assert row["front"] == behind_all, "nor was it found because the front was forgotten"
