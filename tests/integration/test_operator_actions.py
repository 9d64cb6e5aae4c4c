"""An operator who pauses, reroutes, requeues, cancels and purges by SQL, while workers send: they obey at once, tenants are told, nothing is lost."""

import threading

import psycopg
import pytest
from support.metrics import Scrape
from support.programs import message
from support.relay import DeadPort, Relay
from support.waiting import wait_for


@pytest.fixture
def spare():
    relay = Relay()
    yield relay
    relay.close()


class Auditor:
    """Asks mailproxy.audit() over and over, and remembers what did not balance."""

    def __init__(self, url):
        self.url, self.over, self.asked, self.unbalanced = url, threading.Event(), 0, []
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        with psycopg.connect(self.url, autocommit=True) as conn:
            while not self.over.is_set():
                for tenant, accepted, sent, error, cancelled, queued, balanced in conn.execute("SELECT * FROM mailproxy.audit()"):
                    self.asked += 1
                    if not balanced or accepted != sent + error + cancelled + queued:
                        self.unbalanced.append((tenant, accepted, sent, error, cancelled, queued))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def run(system, function, *arguments, **named):
    """The row that mailproxy.FUNCTION gives."""
    names = [f"{name} => %s" for name in named]
    return system.rows(f"SELECT * FROM mailproxy.{function}({', '.join(['%s'] * len(arguments) + names)})", *arguments, *named.values())[0]


def drain(system, function, *arguments, **named):
    """As \\watch does it, until there is nothing left; how many in all."""
    total = 0
    while True:
        done = run(system, function, *arguments, **named, dry_run=False, max_messages=7)
        total += done["messages"]
        if done["messages"] == 0 and done["busy"] == 0:
            return total


def test_an_evening_of_an_operator(new_system, relay, spare, store):
    system = new_system(workers=2, GMP_RETRY_DELAYS="3600")
    shop = system.add_tenant("shop", store)
    system.add_account(shop, relay)
    system.add_account(shop, spare, "spare")
    dead = DeadPort()
    assert shop.post("/account", {"id": "dead", "host": "127.0.0.1", "port": dead.port, "use_tls": False}).status == 200
    refusing = threading.Event()
    refusing.set()
    relay.on("rcpt", lambda _session, command: "550 5.7.1 blocked" if refusing.is_set() and "blocked@" in command else None)
    with Auditor(system.database_url) as auditor:
        # An account is paused: nothing of it goes, its tenant reads why, and an update of the account changes nothing.
        assert run(system, "pause", "shop", "main", reason="the relay moves")["messages"] == 0
        shop.enqueue(*[message(f"paused-{i}") for i in range(20)], *[message(f"spare-{i}", "spare") for i in range(20)])
        shop.wait_state("sent", *[f"spare-{i}" for i in range(20)])
        item = shop.message("paused-0")
        assert (item["status"], item["deferred_reason"]) == ("deferred", "the account is paused: the relay moves")
        assert "deferred_ts" not in item
        system.add_account(shop, relay)
        shop.post("/commands/run-now")
        assert Scrape(system.api).value("gmp_account_paused", account_id="main", tenant_id="shop") == 1
        shop.enqueue(message("spare-again", "spare"))
        shop.wait_state("sent", "spare-again")
        assert relay.ids() == []
        assert run(system, "resume", "shop", "main")["messages"] == 20
        shop.wait_state("sent", *[f"paused-{i}" for i in range(20)])
        assert Scrape(system.api).value("gmp_account_paused", account_id="main", tenant_id="shop") == 0

        # A relay is dead: what waits for it goes over another.
        shop.enqueue(*[message(f"dead-{i}", "dead") for i in range(20)])
        wait_for(lambda: system.value("SELECT failures FROM mailproxy.account_state WHERE account_id = 'dead'"), "the account to be at fault")
        assert drain(system, "reroute", "shop", "spare", account_id="dead") == 20
        shop.wait_state("sent", *[f"dead-{i}" for i in range(20)])
        assert {f"dead-{i}" for i in range(20)} <= set(spare.ids())

        # A relay refused what it should have taken: it goes again, under the same Message-ID.
        shop.enqueue(*[message(f"blocked-{i}", to=["blocked@example.net", "fine@example.net"] if i < 3 else ["blocked@example.net"])
                       for i in range(10)])
        shop.wait_state("error", *[f"blocked-{i}" for i in range(3, 10)])
        shop.wait_state("sent", "blocked-0", "blocked-1", "blocked-2")
        refusing.clear()
        assert run(system, "requeue", "shop", reply_class="5.7.1")["messages"] == 7
        assert drain(system, "requeue", "shop", reply_class="5.7.1") == 7
        shop.wait_state("sent", *[f"blocked-{i}" for i in range(10)])
        ids = relay.ids()
        assert [ids.count(f"blocked-{i}") for i in range(10)] == [1] * 10, "none that the relay had taken before"

        # A mailing was a mistake: it is held, then cancelled, and its tenant is told.
        assert run(system, "pause", "shop", batch_code="spring")["messages"] == 0
        shop.enqueue(*[message(f"spring-{i}", batch_code="spring") for i in range(20)])
        assert drain(system, "cancel", "shop", batch_code="spring", reason="withdrawn") == 20
        run(system, "resume", "shop", batch_code="spring")
        wait_for(lambda: len(store.reported_ids("error_ts") & {f"spring-{i}" for i in range(20)}) == 20, "the reports")
        assert store.entries("spring-7")[-1]["error"] == "withdrawn"
        assert not [i for i in relay.ids() if i.startswith("spring")]

        # Second thoughts, and what is done and told leaves.
        assert drain(system, "requeue", "shop", message_ids=["spring-7"]) == 1
        shop.wait_state("sent", "spring-7")
        wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.event WHERE reported_at IS NULL") == 0, "everything to be told")
        kept = system.value("SELECT count(*) FROM mailproxy.message WHERE account_id = 'spare'")
        drain(system, "purge", "shop", account_id="main")
        assert {m["account_id"] for m in shop.messages(tenant_id="shop")} == {"spare"} and kept == 41
    dead.close()
    assert auditor.unbalanced == [] and auditor.asked > 10
    done = [r["endpoint"] for r in system.rows("SELECT DISTINCT endpoint FROM mailproxy.command_log WHERE actor = session_user ORDER BY 1")]
    assert done == ["activate", "cancelMessages", "pauseAccount", "purgeMessages", "requeueMessages", "rerouteMessages", "resumeAccount", "suspend"]


def test_a_pause_stops_what_the_worker_holds_and_has_not_begun(new_system, relay):
    go_on = threading.Event()
    relay.on("greeting", lambda _session, _argument: None if go_on.wait(60) else None)
    system = new_system(workers=1)
    acme = system.add_tenant()
    system.add_account(acme, relay, max_connections=1)
    acme.enqueue(*[message(f"m{i}") for i in range(10)])
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") >= 4, "the worker to hold some")
    run(system, "pause", "acme", "main")
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'") <= 1, "what was not begun to go back")
    go_on.set()
    run(system, "resume", "acme", "main")
    acme.wait_state("sent", *[f"m{i}" for i in range(10)])
    assert sorted(relay.ids()) == sorted(f"m{i}" for i in range(10)), "each once"


def test_a_worker_that_is_reaped_by_force_goes_on_under_another_epoch(new_system, relay):
    held = threading.Event()
    relay.on("dot", lambda _session, mail: None if held.wait(60) else None)
    system = new_system(workers=1)
    acme = system.add_tenant()
    system.add_account(acme, relay)
    acme.enqueue(message("m1"))
    wait_for(lambda: relay.count("dot") == 1, "the message to be under way")
    epoch = system.value("SELECT max(epoch) FROM mailproxy.worker")
    assert run(system, "reap_worker", epoch, True)["messages"] == 1
    held.set()
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.worker WHERE ended_at IS NULL AND epoch > %s", epoch), "a new life")
    acme.wait_state("sent", "m1", timeout=60)
    assert acme.outcomes("m1")[0] == "deferred" and relay.count("dot") >= 1
