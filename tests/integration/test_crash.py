"""At least once, and as a rule exactly once: programs killed, the database restarted, several workers at work."""

import collections
import signal
import threading
import time

import psycopg
import pytest
from support.programs import message
from support.waiting import wait_for


def in_doubt(system):
    return system.value("SELECT count(*) FROM mailproxy.attempt WHERE in_doubt")


def test_worker_killed_between_claim_and_record_sends_again_with_the_same_message_id(new_system, relay):
    held = threading.Event()
    relay.on("dot", [lambda *_: held.wait(60) and None])
    system = new_system(workers=1, GMP_LEASE_SECONDS=2)
    api = system.add_tenant()
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    wait_for(lambda: relay.count("dot") == 1, "the first dot to be out")
    assert api.message("m1")["status"] == "sending"
    system.workers[0].kill()
    held.set()
    wait_for(lambda: len(relay.mails) == 1, "the relay to have taken it")
    assert system.value("SELECT state FROM mailproxy.message") == "queued", "the relay has it, nobody knows"
    system.start_worker()
    system.wait_state("sent", "m1", timeout=30)
    assert relay.ids() == ["m1", "m1"]
    assert relay.mails[0].octets == relay.mails[1].octets
    assert in_doubt(system) == 1
    assert [w["ended_how"] for w in system.rows("SELECT ended_how FROM mailproxy.worker ORDER BY epoch")] == ["reaped", None]
    system.assert_accounted_for()


def test_worker_killed_under_load_loses_nothing(new_system, smtp_sink):
    system = new_system(workers=2, GMP_LEASE_SECONDS=2)
    api = system.add_tenant()
    system.add_account(api, smtp_sink)
    for part in range(6):
        api.enqueue(*[message(f"m{part}-{i}") for i in range(500)])
    wait_for(lambda: len(smtp_sink.ids()) > 200, "mail to flow")
    system.workers[0].kill()
    system.start_worker()
    system.wait_all_final(timeout=90)
    ids = smtp_sink.ids()
    assert len(set(ids)) == 3000
    repeated = len(ids) - 3000
    assert repeated <= in_doubt(system), "only what the dead worker had under way may come twice"
    assert system.value("SELECT count(*) FROM mailproxy.message WHERE state = 'sent'") == 3000
    system.assert_accounted_for()


def test_a_paused_worker_does_not_overwrite_what_another_did(new_system, relay):
    """The fencing token: the first worker wakes up long after its lease was taken over."""
    gate = threading.Event()
    relay.on("dot", [lambda *_: gate.wait(60) and None])
    system = new_system(workers=1, GMP_LEASE_SECONDS=2)
    api = system.add_tenant()
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    wait_for(lambda: relay.count("dot") == 1, "the first dot to be out")
    first = system.workers[0]
    first.pause()
    system.start_worker()
    system.wait_state("sent", "m1", timeout=30)
    before = system.rows("SELECT * FROM mailproxy.message")
    gate.set()
    first.resume()
    # It notices that it was given up, and takes part again under a new epoch.
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.worker WHERE pid = %s", first.pid) == 2,
             "the first worker to register anew")
    api.enqueue(message("m2"))
    system.wait_state("sent", "m2")
    assert system.rows("SELECT * FROM mailproxy.message WHERE message_id = 'm1'") == before
    system.assert_accounted_for()


def test_two_workers_send_no_message_twice(new_system, smtp_sink):
    system = new_system(workers=2)
    api = system.add_tenant()
    accounts = [f"a{i}" for i in range(5)]
    for account in accounts:
        system.add_account(api, smtp_sink, account)
    for part in range(8):
        api.enqueue(*[message(f"m{part}-{i}", account=accounts[i % 5]) for i in range(500)])
    system.wait_all_final()
    twice = [i for i, n in collections.Counter(smtp_sink.ids()).items() if n > 1]
    assert twice == []
    assert len(smtp_sink.ids()) == 4000
    per_worker = system.rows("SELECT worker_epoch, count(*) AS n FROM mailproxy.attempt GROUP BY 1")
    assert len(per_worker) == 2, "both took part"
    assert in_doubt(system) == 0


@pytest.mark.usefixtures("durable_database")
def test_database_restarted_under_load(new_system, smtp_sink, durable_cluster, store):
    system = new_system(workers=2, GMP_LEASE_SECONDS=10, GMP_DB_POOL_WAIT_MS=1000)
    api = system.add_tenant(store=store)
    system.add_account(api, smtp_sink)
    accepted, stop = set(), threading.Event()

    def post():
        number = 0
        while not stop.is_set():
            ids = [f"m{number}-{i}" for i in range(100)]
            answer = api.add(*[message(i) for i in ids])
            assert answer.status in (200, 503), answer
            if answer.status == 200:
                accepted.update(ids)
                number += 1

    poster = threading.Thread(target=post)
    poster.start()
    try:
        for how in (signal.SIGINT, signal.SIGQUIT):
            goal = len(accepted) + 1000
            wait_for(lambda g=goal: len(accepted) >= g and smtp_sink.ids(), "load")
            durable_cluster.stop(how)
            durable_cluster.start()
        goal = len(accepted) + 500
        wait_for(lambda: len(accepted) >= goal, "messages to be accepted again")
    finally:
        stop.set()
        poster.join()
    system.wait_all_final(timeout=90)
    assert accepted <= set(smtp_sink.ids()), "what was answered with 200 is sent"
    wait_for(lambda: accepted <= store.reported_ids(), "everything to be reported", timeout=60)
    system.assert_accounted_for()
    assert all(p.alive() for p in system.programs)


def test_sigterm_hands_back_what_is_under_way(new_system, relay):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1, GMP_SHUTDOWN_GRACE_SECONDS=1)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1)
    api.enqueue(*[message(f"m{i}") for i in range(20)])
    wait_for(lambda: relay.count("dot") == 1, "the first dot to be out")
    system.workers[0].terminate()
    gate.set()
    assert system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") == 0
    relay.on("dot", None)
    system.start_worker()
    system.wait_all_final()
    assert set(relay.ids()) == {f"m{i}" for i in range(20)}


def test_sigterm_waits_for_replies_within_its_grace(new_system, relay):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    wait_for(lambda: relay.count("dot") == 1, "the dot to be out")
    stopping = threading.Thread(target=system.workers[0].terminate)
    stopping.start()
    system.workers[0].wait_line("event=stopping")
    gate.set()
    stopping.join()
    assert relay.ids() == ["m1"]
    assert system.value("SELECT state FROM mailproxy.message") == "sent", "the result is recorded before leaving"


def test_a_message_in_a_workers_hands_is_neither_replaced_nor_deleted(new_system, relay):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    wait_for(lambda: relay.count("dot") == 1, "the dot to be out")
    answer = api.add(message("m1", subject="changed"))
    assert (answer.status, answer.json) == (200, {"ok": True, "queued": 0, "rejected": [
        {"id": "m1", "reason": "being sent"}]})
    answer = api.post("/commands/delete-messages", {"ids": ["m1"]})
    assert (answer.status, answer.json) == (200, {
        "ok": True, "removed": 0, "not_found": [], "unauthorized": [], "busy": ["m1"]})
    gate.set()
    system.wait_state("sent", "m1")
    answer = api.add(message("m1", subject="changed"))
    assert (answer.status, answer.json["rejected"]) == (200, [{"id": "m1", "reason": "already sent"}])
    assert api.post("/commands/delete-messages", {"ids": ["m1"]}).json["removed"] == 1
    assert api.messages() == []


def test_a_message_in_error_is_started_afresh_when_it_comes_again(new_system, relay):
    relay.on("dot", ["554 5.7.1 no"])
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    system.wait_state("error", "m1")
    api.enqueue(message("m1", subject="better"))
    system.wait_state("sent", "m1")
    shown = api.message("m1")
    assert "error" not in shown and "error_ts" not in shown
    assert relay.mails[0].header("Subject") == "better"


@pytest.mark.usefixtures("durable_database")
def test_database_gone_is_503_with_retry_after(new_system, durable_cluster):
    system = new_system(workers=0, GMP_DB_POOL_WAIT_MS=500)
    durable_cluster.stop()
    try:
        answer = system.api.get("/accounts", tenant_id="default")
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert isinstance(answer.json["detail"], str)
        assert system.api.get("/ready").status == 503
        assert system.api.get("/health").status == 200
    finally:
        durable_cluster.start()
    wait_for(lambda: system.api.get("/ready").status == 200, "the server to find its database again")
    assert system.api.get("/accounts", tenant_id="default").status == 200


def test_a_worker_that_wakes_up_after_it_was_given_up_leaves_nothing_leased(new_system, relay, store):
    """What it claims before it has noticed would be nobody's: neither messages nor calls to the tenant."""
    system = new_system(workers=1, GMP_LEASE_SECONDS=1)
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    first = system.workers[0]
    for turn in range(3):
        first.pause()
        wait_for(lambda: system.value(
            "SELECT count(*) FROM mailproxy.worker WHERE ended_at IS NULL AND heartbeat_at > now() - interval '3 s'") == 0,
            "the heartbeat to run out")
        system.rows("UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped' WHERE ended_at IS NULL")
        system.rows("UPDATE mailproxy.tenant_sync SET lease_token = NULL, lease_epoch = NULL, leased_at = NULL")
        api.enqueue(*[message(f"m{turn}-{i}") for i in range(20)])
        first.resume()
        system.wait_state("sent", *[f"m{turn}-{i}" for i in range(20)])
        wait_for(lambda t=turn: {f"m{t}-{i}" for i in range(20)} <= store.reported_ids(), "all to be reported")
    assert len(relay.ids()) == 60
    assert in_doubt(system) == 0


def test_a_database_that_stands_still_makes_no_worker_take_over_another(new_system, relay, cluster):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=2, GMP_LEASE_SECONDS=2)
    api = system.add_tenant()
    system.add_account(api, relay, batch_size=5)
    api.enqueue(*[message(f"m{i}") for i in range(10)])
    wait_for(lambda: relay.count("dot") == 10, "all dots to be out")
    with cluster.frozen():
        time.sleep(4)  # two leases: while nothing answers there is nothing to wait for but time
    gate.set()
    system.wait_all_final()
    assert sorted(relay.ids()) == sorted(f"m{i}" for i in range(10))
    assert in_doubt(system) == 0
    assert system.value("SELECT count(*) FROM mailproxy.worker WHERE ended_at IS NOT NULL") == 0


def test_sending_pauses_while_results_cannot_be_written(new_system, relay):
    """Otherwise a worker that dies then would repeat all it held, not the last two hundred and what was open."""
    gate = threading.Event()
    relay.on("mail", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1, GMP_WORKER_CONNECTIONS=400)
    api = system.add_tenant()
    system.add_account(api, relay, batch_size=1000, max_connections=10)
    api.enqueue(*[message(f"m{i}") for i in range(600)])
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") == 600, "all to be claimed")
    with psycopg.connect(system.database_url) as blocker:
        blocker.execute("SELECT FROM mailproxy.message FOR UPDATE")
        gate.set()
        wait_for(lambda: len(relay.ids()) >= 200, "the first two hundred")
        time.sleep(1)  # that nothing more comes shows in time alone
        assert len(relay.ids()) <= 200 + 10, "two hundred results unwritten, and what was open on ten connections"
    system.wait_all_final()
    assert sorted(relay.ids()) == sorted(f"m{i}" for i in range(600))


def test_sigterm_ends_a_worker_although_the_database_does_not_answer(new_system, relay, store, cluster):
    system = new_system(workers=1, GMP_SHUTDOWN_GRACE_SECONDS=1)
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    gate = threading.Event()
    store.on_sync = lambda _body: gate.wait(60) and {"ok": True}
    relay.on("dot", lambda *_: gate.wait(60) and None)
    api.enqueue(*[message(f"m{i}") for i in range(20)])
    wait_for(lambda: relay.count("dot") == 10 and store.requests, "dots and a report to be out")
    with cluster.frozen():
        gate.set()
        wait_for(lambda: len(relay.ids()) == 20, "all replies")
        system.workers[0].terminate(timeout=15)
    system.start_worker()
    system.wait_all_final(timeout=90)


def test_sigterm_takes_back_what_waits_for_a_connection(new_system, relay):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1)
    api.enqueue(*[message(f"m{i}") for i in range(20)])
    wait_for(lambda: relay.count("dot") == 1, "the first dot to be out")
    stopping = threading.Thread(target=system.workers[0].terminate)
    stopping.start()
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'ready'") == 19,
             "the others to be handed back")
    gate.set()
    stopping.join()
    assert len(relay.ids()) == 1, "what had begun was finished, and no more"
    assert system.value("SELECT max(attempts) FROM mailproxy.queue") == 0
