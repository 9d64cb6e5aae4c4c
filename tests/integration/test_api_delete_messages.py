"""POST /commands/delete-messages: what goes, what stays, and what a worker that comes too late can do."""

import threading

import pytest
from support.programs import epoch, message
from support.queue_sql import change_queue_row
from support.waiting import wait_for


def test_nothing_is_reported_of_a_deleted_message(served, acme):
    acme.enqueue(message("m1"), message("m2"))
    served.rows("INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id)"
                " SELECT message_pk, now(), 'sent', tenant_id FROM mailproxy.message WHERE tenant_id = %s", acme.tenant_id)
    acme.post("/commands/delete-messages", {"ids": ["m1"]})
    assert served.rows("SELECT m.message_id FROM mailproxy.event e LEFT JOIN mailproxy.message m USING (message_pk)"
                       " WHERE e.tenant_id = %s", acme.tenant_id) == [{"message_id": "m2"}]


def test_a_message_goes_with_its_content_and_attachments(served, acme):
    acme.enqueue(message("m1", attachments=[{"filename": "a", "content": "eA=="}]))
    pk = int(acme.message("m1")["pk"])
    acme.post("/commands/delete-messages", {"ids": ["m1"]})
    for table in ("message", "queue", "message_body", "message_attachment", "event"):
        assert served.value(f"SELECT count(*) FROM mailproxy.{table} WHERE message_pk = %s", pk) == 0, table


def test_every_state_but_leased_can_be_deleted(served, acme):
    names = ["ready", "scheduled", "held", "leased", "sent", "error", "cancelled"]
    acme.enqueue(*map(message, names))
    lease = ", lease_token = 1, lease_epoch = 1, leased_at = now()"
    for name in names[1:4]:
        change_queue_row(acme, name, f"state = '{name}'" + lease * (name == "leased"))
    for name in names[4:]:
        served.rows("WITH m AS (UPDATE mailproxy.message SET state = %s, finished_at = now(),"
                    "  reason = CASE %s WHEN 'sent' THEN NULL ELSE 'no' END"
                    "  WHERE tenant_id = %s AND message_id = %s RETURNING message_pk)"
                    " DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m)",
                    name, name, acme.tenant_id, name)
    answer = acme.post("/commands/delete-messages", {"ids": [*names, "nobody"]}).json
    assert answer == {"ok": True, "removed": 6, "not_found": ["nobody"], "unauthorized": [], "busy": ["leased"]}
    assert acme.message("leased")["status"] == "sending"
    served.assert_accounted_for()


def test_the_admin_token_without_a_tenant_deletes_in_the_one_that_has_the_id(served):
    tenants = [served.add_tenant(f"whose{i}") for i in range(2)]
    for api in (served.api, *tenants):
        api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    tenants[0].enqueue(message("only-one"), message("both"))
    tenants[1].enqueue(message("both"), message("and-default"))
    served.api.enqueue(message("and-default", tenant_id="default"), message("default-only", tenant_id="default"))
    ids = ["only-one", "both", "and-default", "default-only", "only-one", "nobody", ""]
    answer = served.api.post("/commands/delete-messages", {"ids": ids}).json
    assert answer == {"ok": True, "removed": 3, "not_found": ["both", "nobody"], "unauthorized": []}
    assert [m["id"] for m in tenants[0].messages()] == ["both"]
    assert [m["id"] for m in tenants[1].messages()] == ["and-default", "both"], "the one of `default` went"
    assert served.api.messages(tenant_id="default") == []


@pytest.mark.parametrize("where", ["query", "body"])
def test_the_admin_token_deletes_in_the_tenant_it_names(served, acme, where):
    acme.enqueue(message("named"))
    named = {"tenant_id": acme.tenant_id}
    answer = served.api.post("/commands/delete-messages", {"ids": ["named"], **(named if where == "body" else {})},
                             **(named if where == "query" else {}))
    assert answer.json["removed"] == 1


def test_deleted_while_it_waits_for_a_retry_it_is_never_tried_again(new_tenant, relay, store):
    relay.on("dot", ["451 4.3.0 later"])
    api = new_tenant(relay, store, retry_delays=[1])
    api.enqueue(message("gone"))
    wait_for(lambda: api.message("gone")["status"] == "deferred", "the first attempt to be recorded")
    assert api.post("/commands/delete-messages", {"ids": ["gone"]}).json["removed"] == 1
    api.enqueue(message("marker", deferred_ts=epoch() + 2))  # due after the retry would have been
    api.wait_state("sent", "marker")
    assert relay.ids() == ["marker"]
    assert not [e for e in store.entries("gone") if "sent_ts" in e or "error_ts" in e]


def test_a_worker_that_held_it_and_comes_too_late_changes_nothing(new_system, relay, store):
    """Its lease went back, as a reaper does it, and the message was deleted: the result brings a token nobody knows."""
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=1)
    api = system.add_tenant(store=store)
    system.add_account(api, relay)
    api.enqueue(message("m1"))
    wait_for(lambda: relay.count("dot") == 1, "the worker to hold it")
    system.rows("UPDATE mailproxy.account_state SET gate_until = now() + interval '1 hour', gate_reason = 'x'")
    system.rows("UPDATE mailproxy.queue SET state = 'ready', lease_token = NULL, lease_epoch = NULL, leased_at = NULL")
    assert api.post("/commands/delete-messages", {"ids": ["m1"]}).json["removed"] == 1
    gate.set()
    wait_for(lambda: relay.ids() == ["m1"], "the relay to take it")
    system.workers[0].wait_line("event=lease_gone")
    for table in ("message", "queue", "event", "attempt"):
        assert system.value(f"SELECT count(*) FROM mailproxy.{table}") == 0, table
    assert store.entries() == []


def test_ten_thousand_ids_at_once(acme):
    ids = [f"m{i:05}" for i in range(10000)]
    acme.enqueue(*map(message, ids))
    answer = acme.post("/commands/delete-messages", {"ids": [*ids, *ids, "more"]}).json
    assert (answer["removed"], answer["not_found"]) == (10000, ["more"])


def test_removed_not_found_and_repeated(served, acme):
    acme.enqueue(message("d1"), message("d2"), message("d3"))
    answer = acme.post("/commands/delete-messages", {"ids": ["d1", "nope", "d1", "", "d2"]})
    assert (answer.status, answer.json) == (200, {
        "ok": True, "removed": 2, "not_found": ["nope"], "unauthorized": []})
    assert [m["id"] for m in acme.messages()] == ["d3"]
    served.assert_accounted_for()


def test_ids_may_be_missing(acme):
    answer = acme.post("/commands/delete-messages", {})
    assert (answer.status, answer.json) == (200, {"ok": True, "removed": 0, "not_found": [], "unauthorized": []})


@pytest.mark.parametrize("ids", ["m1", 5, {"a": 1}, [5], [None], [["m1"]]])
def test_bad_ids_are_422(acme, ids):
    answer = acme.post("/commands/delete-messages", {"ids": ids})
    assert answer.status == 422, answer
    assert answer.json["detail"][0]["loc"][:2] == ["body", "ids"]


def test_an_id_with_a_nul_is_not_found_or_422(acme):
    assert acme.post("/commands/delete-messages", {"ids": ["a\x00b"]}).status in (200, 422)


def test_another_tenants_message_stays(served, acme):
    other = served.add_tenant("other")
    other.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    other.enqueue(message("theirs"))
    assert acme.post("/commands/delete-messages", {"ids": ["theirs"]}).json["not_found"] == ["theirs"]
    assert other.message("theirs")
