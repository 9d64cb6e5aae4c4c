"""POST /commands/suspend and /commands/activate: what they answer, and that the workers obey at once."""

import threading

import pytest
from support.programs import epoch, message
from support.waiting import wait_for

FULL = "tenant not found or cannot activate single batch from full suspension"


def control(api, command, **query):
    return api.post(f"/commands/{command}", **query)


def ok(api, command, **query):
    answer = control(api, command, **query)
    assert answer.status == 200, answer
    assert answer.json["ok"] is True
    return answer.json


def suspended(api, command, **query):
    return ok(api, command, **query)["suspended_batches"]


# ---- answers ----


def test_a_tenant_is_suspended_and_activated_as_a_whole(acme, served):
    acme.enqueue(message("m1"), message("m2", batch_code="NL1"), message("m3", deferred_ts=epoch() + 3600))
    whole = {"ok": True, "tenant_id": acme.tenant_id, "suspended_batches": ["*"], "pending_messages": 3}
    assert ok(acme, "suspend") == whole
    assert ok(served.api, "suspend", tenant_id=acme.tenant_id) == whole
    assert ok(acme, "activate", tenant_id=acme.tenant_id) == {**whole, "suspended_batches": []}
    assert ok(acme, "activate") == {**whole, "suspended_batches": []}


def test_a_batch_is_suspended_and_activated_by_itself(acme):
    acme.enqueue(message("m1"), message("m2", batch_code="NL1"), message("m3", batch_code="NL1"))
    assert ok(acme, "suspend", batch_code="NL1") == {
        "ok": True, "tenant_id": acme.tenant_id, "batch_code": "NL1", "suspended_batches": ["NL1"], "pending_messages": 2}
    assert ok(acme, "suspend", batch_code="A")["pending_messages"] == 0
    assert suspended(acme, "suspend", batch_code="NL1") == ["A", "NL1"], "in order, and once"
    assert ok(acme, "activate", batch_code="A") == {
        "ok": True, "tenant_id": acme.tenant_id, "batch_code": "A", "suspended_batches": ["NL1"], "pending_messages": 0}
    assert suspended(acme, "activate", batch_code="A") == ["NL1"]
    assert suspended(acme, "activate") == []


def test_a_batch_of_a_tenant_that_is_suspended_as_a_whole(acme):
    assert suspended(acme, "suspend") == ["*"]
    assert suspended(acme, "suspend", batch_code="NL1") == ["*"]
    answer = control(acme, "activate", batch_code="NL1")
    assert (answer.status, answer.json) == (400, {"detail": FULL})
    assert suspended(acme, "suspend", batch_code="NL1") == ["*"], "that changed nothing"


def test_an_unknown_tenant(served):
    answer = control(served.api, "suspend", tenant_id="nobody")
    assert (answer.status, answer.json) == (400, {"detail": "tenant not found"})
    for query in ({}, {"batch_code": "x"}):
        answer = control(served.api, "activate", tenant_id="nobody", **query)
        assert (answer.status, answer.json) == (400, {"detail": FULL})


def test_a_tenants_token_is_for_its_own_tenant(acme, served):
    other = served.add_tenant(acme.tenant_id + "-2")
    for command in ("suspend", "activate"):
        answer = control(acme, command, tenant_id=other.tenant_id)
        assert (answer.status, answer.json) == (401, {"detail": "Token not authorized for this tenant"})
        answer = control(acme, command, tenant_id="nobody")
        assert answer.status == 401, "does not tell whether there is such a tenant"
        assert control(acme.with_token("wrong"), command).status == 401
        assert control(acme.with_token(None), command).status == 401


@pytest.mark.parametrize("code, why", [
    ("x" * 65, "64 characters"), ("x" * 2000, "64 characters"), ("é" * 65, "64 characters"), ("a,b", "comma"), ("*", "whole tenant"),
    ("a\0b", "NUL")])
def test_a_code_that_no_batch_can_have(acme, code, why):
    for command in ("suspend", "activate"):
        answer = control(acme, command, batch_code=code)
        assert answer.status == 422, answer
        (error,) = answer.json["detail"]
        assert error["loc"] == ["query", "batch_code"]
        assert why in error["msg"]
    assert suspended(acme, "activate") == []


def test_a_code_is_taken_to_the_letter(acme):
    for code in ("é" * 64, "a b", "%", "'; DROP TABLE mailproxy.queue; --", '"{}\\', "NULL", "null"):
        acme.enqueue(message("m-" + code[:10], batch_code=code))
        answer = ok(acme, "suspend", batch_code=code)
        assert (answer["batch_code"], answer["suspended_batches"], answer["pending_messages"]) == (code, [code], 1)
        assert suspended(acme, "activate", batch_code=code) == []


def test_empty_parameters_are_absent_and_a_body_is_not_looked_at(acme, served):
    assert suspended(acme, "suspend", tenant_id="", batch_code="") == ["*"]
    for raw in (b"", b"not json", b'{"tenant_id":"nobody","batch_code":"x"}', b"\xff"):
        answer = acme.request("POST", "/commands/activate", raw=raw)
        assert answer.status == 200, answer
        assert answer.json["suspended_batches"] == []


def test_so_many_batches_and_no_more(acme):
    for i in range(1000):
        assert control(acme, "suspend", batch_code=f"b{i}").status == 200
    answer = control(acme, "suspend", batch_code="one more")
    assert answer.status == 400
    assert "1000 batches" in answer.json["detail"]
    assert len(suspended(acme, "suspend", batch_code="b7")) == 1000
    assert len(suspended(acme, "activate", batch_code="b7")) == 999
    assert len(suspended(acme, "suspend", batch_code="one more")) == 1000
    assert suspended(acme, "suspend") == ["*"]


def test_without_a_tenant_the_admin_token_must_name_one_where_there_are_tenants(acme, served):
    for command in ("suspend", "activate"):
        answer = control(served.api, command)
        assert answer.status == 422
        assert [e["loc"] for e in answer.json["detail"]] == [["query", "tenant_id"]]
    assert served.api.get("/status").json["active"] is True


def test_without_tenants_it_is_the_switch_of_the_whole_service(new_system):
    system = new_system(workers=0)
    assert control(system.api.with_token(None), "suspend").status == 401
    assert ok(system.api, "suspend") == {"ok": True, "active": False}
    assert ok(system.api, "suspend", tenant_id="", batch_code="") == {"ok": True, "active": False}
    assert system.api.get("/status").json == {"ok": True, "active": False}
    system.server.terminate()
    system.start_server()
    assert system.api.get("/status").json == {"ok": True, "active": False}, "it is stored"
    assert ok(system.api, "activate") == {"ok": True, "active": True}
    answer = control(system.api, "suspend", batch_code="b1")
    assert answer.status == 422, "a batch is not the whole service"
    assert [e["loc"] for e in answer.json["detail"]] == [["query", "tenant_id"]]
    assert suspended(system.api, "suspend", tenant_id="default", batch_code="b1") == ["b1"]
    assert system.api.get("/status").json == {"ok": True, "active": True}


def test_without_an_admin_token_everybody_may(new_system):
    system = new_system(workers=0, GMP_API_TOKEN=None)
    assert ok(system.api, "suspend") == {"ok": True, "active": False}
    assert ok(system.api, "activate") == {"ok": True, "active": True}


def test_registering_a_tenant_again_leaves_its_suspension(acme, served):
    suspended(acme, "suspend", batch_code="NL1")
    assert served.api.post("/tenant", {"id": acme.tenant_id, "name": "again"}).status == 200
    assert suspended(acme, "suspend", batch_code="NL2") == ["NL1", "NL2"]


def test_commands_are_logged(new_system):
    system = new_system(workers=0)
    ok(system.api, "suspend")
    ok(system.api, "activate")
    acme = system.add_tenant()
    ok(acme, "suspend", batch_code="NL1")
    ok(system.api, "suspend", tenant_id="acme")
    assert control(acme, "activate", batch_code="NL1").status == 400
    assert control(system.api, "suspend").status == 422
    logged = system.rows("SELECT endpoint, tenant_id, payload->>'batch_code' AS batch_code, response_status"
                         "  FROM mailproxy.command_log WHERE endpoint IN ('suspend', 'activate') ORDER BY command_id")
    assert [tuple(row.values()) for row in logged] == [
        ("suspend", None, None, 200), ("activate", None, None, 200), ("suspend", "acme", "NL1", 200),
        ("suspend", "acme", None, 200), ("activate", "acme", "NL1", 400)]


def test_what_is_held_is_shown_by_its_own_time(acme):
    due = epoch() + 3600
    acme.enqueue(message("now", batch_code="NL1"), message("later", batch_code="NL1", deferred_ts=due))
    suspended(acme, "suspend", batch_code="NL1")
    assert acme.message("now")["status"] == "pending"
    assert (acme.message("later")["status"], acme.message("later")["deferred_ts"]) == ("deferred", due)


# ---- the workers ----


class SlowRelay:
    """Takes one mail after another, each when the test says so; counts what was begun."""

    def __init__(self, relay):
        self.relay = relay
        self.permits = threading.Semaphore(0)
        relay.on("dot", lambda *_: self.permits.acquire(timeout=60) and None)

    def begun(self):
        return self.relay.count("mail")

    def let(self, mails):
        for _ in range(mails):
            self.permits.release()


@pytest.fixture
def slow(relay):
    return SlowRelay(relay)


def leased(system):
    return system.value("SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'")


def held_by_workers(system, slow, *messages, connections=1, batch_size=50):
    """A tenant with all these messages in the hands of the workers, and no more of them at the relay than it has connections."""
    tenant = system.add_tenant()
    system.add_account(tenant, slow.relay, max_connections=connections, batch_size=batch_size)
    tenant.enqueue(*messages)
    wait_for(lambda: leased(system) == len(messages), "the workers to hold all")
    return tenant


def wait_handed_back(system, slow):
    """Until the workers hold no more than what they have begun, at most one each; how many that are."""
    return wait_for(lambda: leased(system) <= 2 and leased(system) == slow.begun() and slow.begun(),
                    "the workers to hand back what they have not begun")


def test_what_is_at_the_relay_ends_and_nothing_else_is_begun(new_system, slow):
    system = new_system(workers=2)
    tenant = held_by_workers(system, slow, *[message(f"m{i}", batch_code="NL1") for i in range(50)], connections=2, batch_size=30)
    wait_for(lambda: slow.begun() >= 1, "a mail to be at the relay")
    ok(tenant, "suspend", batch_code="NL1")
    begun = wait_handed_back(system, slow)
    slow.let(60)
    wait_for(lambda: leased(system) == 0, "what was begun to end")
    assert len(slow.relay.mails) == begun
    tenant.enqueue(message("other", batch_code="NL2"), message("none"))
    tenant.wait_state("sent", "other", "none")
    assert len(slow.relay.mails) == begun + 2, "of the suspended batch nothing more"
    states = system.rows("SELECT state, attempts FROM mailproxy.queue")
    assert states == [{"state": "held", "attempts": 0}] * (50 - begun), "as if they had never been claimed"
    ok(tenant, "activate", batch_code="NL1")
    tenant.wait_all_final()
    assert sorted(slow.relay.ids()) == sorted([f"m{i}" for i in range(50)] + ["other", "none"]), "each once"


def test_a_whole_tenant_stops_and_goes_on(new_system, slow, new_relay):
    system = new_system(workers=2)
    tenant = held_by_workers(system, slow, *[message(f"m{i}") for i in range(50)], connections=2, batch_size=30)
    other = system.add_tenant("other")
    system.add_account(other, new_relay())
    wait_for(lambda: slow.begun() >= 1, "a mail to be at the relay")
    ok(tenant, "suspend")
    begun = wait_handed_back(system, slow)
    slow.let(60)
    wait_for(lambda: leased(system) == 0, "what was begun to end")
    other.enqueue(*[message(f"o{i}") for i in range(20)])
    other.wait_all_final()
    assert slow.begun() == begun
    ok(tenant, "activate")
    tenant.wait_all_final()
    assert sorted(slow.relay.ids()) == sorted(f"m{i}" for i in range(50))


def test_the_whole_service_stops_reports_nothing_and_goes_on(new_system, slow, store):
    system = new_system(workers=2)
    default = system.add_tenant("default", store=store)
    system.add_account(default, slow.relay, max_connections=2, batch_size=30)
    default.enqueue(*[message(f"m{i}") for i in range(50)])
    wait_for(lambda: leased(system) == 50, "the workers to hold all")
    wait_for(lambda: slow.begun() >= 1, "a mail to be at the relay")
    assert ok(system.api, "suspend") == {"ok": True, "active": False}
    begun = wait_handed_back(system, slow)
    slow.let(60)
    wait_for(lambda: leased(system) == 0, "what was begun to end")
    assert len(slow.relay.mails) == begun
    for program in [*system.workers, system.server]:
        program.terminate()
    system.start_server()
    system.api.enqueue(message("accepted"))
    worker = system.start_worker(GMP_LEASE_SECONDS=2)
    wait_for(lambda: system.value("SELECT bool_or(heartbeat_at > started_at) FROM mailproxy.worker WHERE pid = %s", worker.pid),
             "the worker's first heartbeat, which follows its first claim")
    assert slow.begun() == begun
    assert store.reported_ids() == set()
    assert ok(system.api, "activate") == {"ok": True, "active": True}
    system.wait_all_final("default")
    assert sorted(slow.relay.ids()) == sorted([f"m{i}" for i in range(50)] + ["accepted"])
    wait_for(lambda: len(store.reported_ids()) == 51, "all to be reported")


def test_reports_of_a_suspended_batch_go_on(new_system, slow, store):
    system = new_system(workers=1)
    tenant = system.add_tenant(store=store)
    system.add_account(tenant, slow.relay, max_connections=1)
    tenant.enqueue(*[message(f"m{i}", batch_code="NL1") for i in range(5)])
    wait_for(lambda: leased(system) == 5 and slow.begun() == 1, "one to be at the relay")
    ok(tenant, "suspend", batch_code="NL1")
    wait_for(lambda: leased(system) == 1, "the others to be handed back")
    slow.let(1)
    wait_for(lambda: store.reported_ids() == set(slow.relay.ids()) != set(), "it to be reported")


def test_a_mail_whose_relay_has_not_let_it_in_yet_is_handed_back(new_system, relay):
    """A connection that is still being made is not a transaction."""
    gate = threading.Event()
    relay.on("greeting", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1)
    tenant = system.add_tenant()
    system.add_account(tenant, relay, max_connections=3)
    letters = [message(f"m{i}", batch_code="NL1") for i in range(10)]
    tenant.enqueue(*letters[:3], message("goes"), *letters[3:])
    wait_for(lambda: leased(system) == 4 and len(relay.sessions) == 1, "a connection to be under way")
    ok(tenant, "suspend", batch_code="NL1")
    wait_for(lambda: leased(system) == 1, "the batch to be handed back, and no more than it")
    gate.set()
    tenant.wait_state("sent", "goes")
    assert relay.ids() == ["goes"]
    ok(tenant, "activate")
    tenant.wait_all_final()
    assert sorted(relay.ids()) == sorted([f"m{i}" for i in range(10)] + ["goes"])


def test_a_mail_that_is_being_composed_is_handed_back(new_system, relay, store):
    gate = threading.Event()
    asked = threading.Event()

    def late():
        asked.set()
        gate.wait(60)
        return b"content"

    store.files["home:a.txt"] = late
    system = new_system(workers=1)
    tenant = system.add_tenant(store=store)
    system.add_account(tenant, relay)
    tenant.enqueue(message("m1", batch_code="NL1", attachments=[{"storage_path": "home:a.txt", "fetch_mode": "endpoint"}]))
    assert asked.wait(20)
    ok(tenant, "suspend", batch_code="NL1")
    wait_for(lambda: leased(system) == 0, "it to be handed back while its attachment is on its way")
    gate.set()
    tenant.enqueue(message("m2"))
    tenant.wait_state("sent", "m2")
    assert relay.ids() == ["m2"]
    assert tenant.message("m1")["status"] == "pending"
    ok(tenant, "activate", batch_code="NL1")
    tenant.wait_state("sent", "m1")


def test_a_retry_of_a_suspended_batch_waits_for_it(new_system, slow):
    system = new_system(workers=1, GMP_RETRY_DELAYS="0,0,0")
    tenant = system.add_tenant()
    system.add_account(tenant, slow.relay, max_connections=1)
    replies = ["451 4.3.0 later"]
    slow.relay.on("dot", lambda *_: slow.permits.acquire(timeout=60) and (replies.pop() if replies else None))
    tenant.enqueue(message("m1", batch_code="NL1"))
    wait_for(lambda: slow.relay.count("dot") == 1, "it to be at the relay")
    ok(tenant, "suspend", batch_code="NL1")
    slow.let(1)
    wait_for(lambda: tenant.outcomes("m1") == ["deferred"], "the relay to put it off")
    assert system.rows("SELECT state FROM mailproxy.queue") == [{"state": "held"}]
    slow.let(1)
    tenant.enqueue(message("m2"))
    tenant.wait_state("sent", "m2")
    assert tenant.outcomes("m1") == ["deferred"]
    ok(tenant, "activate", batch_code="NL1")
    slow.let(1)
    tenant.wait_state("sent", "m1")


def test_messages_of_a_suspended_batch_can_be_replaced_and_deleted(new_system, relay):
    system = new_system(workers=1)
    tenant = system.add_tenant()
    system.add_account(tenant, relay)
    ok(tenant, "suspend", batch_code="NL1")
    tenant.enqueue(message("m1", batch_code="NL1", subject="wrong"), message("m2", batch_code="NL1"))
    tenant.enqueue(message("m1", batch_code="NL1", subject="right"))
    assert [m["status"] for m in tenant.messages()] == ["pending", "pending"]
    assert tenant.post("/commands/delete-messages", {"ids": ["m2"]}).json["removed"] == 1
    tenant.enqueue(message("m3"))
    tenant.wait_state("sent", "m3")
    assert relay.ids() == ["m3"]
    ok(tenant, "activate", batch_code="NL1")
    tenant.wait_state("sent", "m1")
    assert relay.ids() == ["m3", "m1"]
    assert relay.mails[-1].header("Subject") == "right"


def test_an_edit_by_sql_stops_the_workers_as_well(new_system, slow):
    system = new_system(workers=1)
    tenant = held_by_workers(system, slow, *[message(f"m{i}") for i in range(20)])
    wait_for(lambda: slow.begun() == 1, "a mail to be at the relay")
    system.rows("UPDATE mailproxy.tenant SET suspended_batches = '{*}' WHERE tenant_id = 'acme'")
    wait_for(lambda: leased(system) == 1, "the others to be handed back")
    slow.let(30)
    wait_for(lambda: leased(system) == 0, "what was begun to end")
    assert slow.begun() == 1
    system.rows("UPDATE mailproxy.tenant SET suspended_batches = '{}' WHERE tenant_id = 'acme'")
    tenant.wait_all_final()
