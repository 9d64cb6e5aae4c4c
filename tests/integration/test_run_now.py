"""POST /commands/run-now: whose sync it makes due, what it wakes, and which back-offs it ends."""

import psycopg
import pytest
from support.programs import message
from support.waiting import wait_for


@pytest.fixture
def two(served):
    """Two tenants that were called just now: none of them is due."""
    tenants = [served.add_tenant(f"{served.value('SELECT count(*) FROM mailproxy.tenant')}-{name}") for name in ("one", "two")]
    served.rows("UPDATE mailproxy.tenant_sync SET told_seq = news_seq, last_sync_at = now()")
    return tenants


def due(served, tenants):
    """Which of them are to be called now."""
    found = served.rows("SELECT s.tenant_id FROM mailproxy.tenant_sync s WHERE mailproxy.sync_is_due(s, true, 300)")
    return [tenant in (row["tenant_id"] for row in found) for tenant in (t.tenant_id for t in tenants)]


CALLS = {
    "its own token": lambda admin, one: one.post("/commands/run-now"),
    "its own token and the query": lambda admin, one: one.post("/commands/run-now", tenant_id=one.tenant_id),
    "its own token and the body": lambda admin, one: one.post("/commands/run-now", {"tenant_id": one.tenant_id}),
    "the query": lambda admin, one: admin.post("/commands/run-now", tenant_id=one.tenant_id),
    "the body": lambda admin, one: admin.post("/commands/run-now", {"tenant_id": one.tenant_id}),
    "nothing": lambda admin, one: admin.post("/commands/run-now"),
}


@pytest.mark.parametrize("by", CALLS)
def test_the_sync_of_who_is_named_is_due_now_and_without_a_name_everybodys(served, two, by):
    assert due(served, two) == [False, False]
    assert CALLS[by](served.api, two[0]).json == {"ok": True}
    assert due(served, two) == [True, by == "nothing"]


@pytest.mark.parametrize("by", CALLS)
def test_who_is_not_to_be_disturbed_is_called_when_its_token_or_the_query_names_it(served, two, by):
    served.rows("UPDATE mailproxy.tenant_sync SET last_sync_at = now() + interval '1 hour'")
    assert CALLS[by](served.api, two[0]).json == {"ok": True}
    assert due(served, two) == [by not in ("the body", "nothing"), False]


def test_the_query_goes_before_the_body(served, two):
    one, other = two
    assert served.api.post("/commands/run-now", {"tenant_id": other.tenant_id}, tenant_id=one.tenant_id).json == {"ok": True}
    assert due(served, two) == [True, False]


@pytest.mark.parametrize("where", ["query", "body"])
def test_another_tenants_is_401_and_does_nothing(served, two, where):
    one, other = two
    named = {"tenant_id": other.tenant_id}
    answer = one.post("/commands/run-now", **named) if where == "query" else one.post("/commands/run-now", named)
    assert (answer.status, answer.json) == (401, {"detail": "Token not authorized for this tenant"})
    assert due(served, two) == [False, False]


@pytest.mark.parametrize("raw", [b"[]", b"5", b'"text"', b"null", b"{", b"\xff", b'{"tenant_id":["x"]}', b'{"tenant_id":"nobody"}'])
def test_a_body_that_names_no_tenant_is_ignored_under_the_admin_token_too(served, two, raw):
    answer = served.api.request("POST", "/commands/run-now", raw=raw, query={"tenant_id": two[0].tenant_id})
    assert (answer.status, answer.json) == (200, {"ok": True})
    assert due(served, two) == [True, False]


def test_it_wakes_the_workers(served):
    with psycopg.connect(served.database_url, autocommit=True) as worker:
        worker.execute("LISTEN mailproxy_wake")
        assert served.api.post("/commands/run-now").json == {"ok": True}
        assert next(iter(worker.notifies())).channel == "mailproxy_wake"


def test_it_ends_the_pause_of_a_tenants_reports_and_of_no_others(new_system, new_store, relay):
    stores = [new_store(), new_store()]
    system = new_system(workers=1)
    tenants = [system.add_tenant(name, store) for name, store in zip(("one", "two"), stores)]
    for tenant, store in zip(tenants, stores):
        store.on_sync = lambda _body: (503, {}, {"Retry-After": "3600"})
        system.add_account(tenant, relay)
        tenant.enqueue(message("m1"))
        wait_for(lambda t=tenant: t.sync("retry_at > now() + interval '30 minutes'"), "the pause to begin")
        store.on_sync = None
    calls = len(stores[1].requests)
    tenants[0].post("/commands/run-now")
    wait_for(lambda: stores[0].entries("m1"), "the report")
    assert len(stores[1].requests) == calls
    assert tenants[1].sync("retry_at > now() + interval '30 minutes'")


def test_it_ends_the_back_off_of_a_tenants_accounts_and_of_no_others(new_system, new_relay):
    system = new_system(workers=1)
    relays, tenants = [new_relay(), new_relay()], [system.add_tenant("one"), system.add_tenant("two")]
    for tenant, relay in zip(tenants, relays):
        relay.on("greeting", lambda *_: "421 4.3.2 closed")
        tenant.request("PUT", f"/tenant/{tenant.tenant_id}", {"retry_delays": [600]})
        system.add_account(tenant, relay)
        tenant.enqueue(message("m1"))
        wait_for(lambda t=tenant: t.message("m1")["status"] == "deferred", "m1 to wait")
        relay.on("greeting", None)
    sessions = len(relays[1].sessions)
    tenants[0].post("/commands/run-now")
    tenants[0].wait_state("sent", "m1")
    assert tenants[1].message("m1")["status"] == "deferred"
    assert len(relays[1].sessions) == sessions


@pytest.mark.parametrize("raw", [None, b"", b"{}", b"garbage", b"[1,", b"\xff", b'{"tenant_id":5}'])
def test_ok_whatever_the_body(acme, raw):
    answer = acme.request("POST", "/commands/run-now", raw=raw)
    assert (answer.status, answer.json) == (200, {"ok": True})


def test_another_tenants_in_the_query_is_401(served, acme):
    served.add_tenant("other")
    assert acme.post("/commands/run-now", tenant_id="other").status == 401


def test_it_makes_news_for_the_tenant_alone(served, acme):
    def news():
        return {r["tenant_id"]: r["news_seq"] for r in
                served.rows("SELECT tenant_id, news_seq FROM mailproxy.tenant_sync")}

    before = news()
    acme.post("/commands/run-now")
    after = news()
    changed = {t for t in after if after[t] != before.get(t)}
    assert len(changed) == 1 and changed != {"default"}
