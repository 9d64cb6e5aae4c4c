"""GET /message/{id}: one message with all that has happened to it."""

from urllib.parse import quote

import pytest
from support.programs import epoch, message

NOT_FOUND = (404, {"detail": "message not found"})


def detail(api, message_id, **query):
    answer = api.get("/message/" + quote(message_id, safe=""), **query)
    assert answer.status == 200, answer
    assert list(answer.json) == ["ok", "message", "explanation", "attempts"]
    return answer.json


def test_a_fresh_message_is_shown_as_in_the_list_and_has_no_attempts(acme):
    acme.enqueue(message("m1", batch_code="b1"), message("m2"))
    shown = detail(acme, "m1")
    assert shown["message"] == acme.message("m1", include_history="true")
    assert shown["message"]["history"] == [] and shown["attempts"] == []
    assert shown["explanation"][0].startswith("Accepted for account main with priority 2, batch b1")
    assert "No worker is alive: nothing is sent until mailproxy-worker runs." in shown["explanation"]


def test_its_attempts_tell_what_the_relay_said_of_whom(new_tenant, new_relay):
    relay = new_relay()
    relay.on("rcpt", lambda session, line: "550 5.1.1 no such user" if "gone" in line else None)
    relay.on("dot", ["451 4.3.0 later"])
    tenant = new_tenant(relay, account={"retry_delays": [0]})
    before = epoch()
    tenant.enqueue(message("m1", to=["here@example.net", "gone@example.net"]))
    tenant.wait_state("sent", "m1")
    first, last = detail(tenant, "m1")["attempts"]
    assert {k: first[k] for k in ("attempt", "outcome", "in_doubt", "phase", "code", "enhanced_code", "reply")} == {
        "attempt": 1, "outcome": "deferred", "in_doubt": False, "phase": "dot", "code": 451, "enhanced_code": "4.3.0", "reply": "later"}
    assert {r["address"]: (r["outcome"], r.get("code"), r.get("reason")) for r in first["recipients"]} == {
        "here@example.net": ("deferred", 451, "4.3.0 later (SMTP 451)"), "gone@example.net": ("error", 550, "5.1.1 no such user (SMTP 550)")}
    assert (last["attempt"], last["outcome"], last["code"]) == (2, "sent", 250) and "recipients" not in last
    for attempt in (first, last):
        assert before <= attempt["started_ts"] <= attempt["ended_ts"] <= epoch()
        assert attempt["duration_ms"] >= 0 and " on " in attempt["worker"]
    history = detail(tenant, "m1")["message"]["history"]
    assert [e["event_type"] for e in history] == ["deferred", "sent"]


def test_an_attempt_in_doubt_has_no_duration(acme):
    acme.enqueue(message("m1"))
    acme.system.rows("INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, in_doubt, tenant_id, account_id, reply)"
                     " SELECT message_pk, 77, 1, 'deferred', true, tenant_id, account_id, 'the worker died' FROM mailproxy.message"
                     " WHERE tenant_id = %s", acme.tenant_id)
    (attempt,) = detail(acme, "m1")["attempts"]
    ended = attempt.pop("ended_ts")
    assert attempt == {"attempt": 1, "started_ts": ended, "outcome": "deferred", "in_doubt": True, "reply": "the worker died", "worker": "77"}


def test_of_many_attempts_the_last_hundred_are_told_and_of_large_ones_no_recipients(acme):
    acme.enqueue(message("m1"))
    acme.system.rows("INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id, recipients)"
                     " SELECT message_pk, 1, n, 'deferred', tenant_id, account_id,"
                     "  jsonb_build_array(jsonb_build_object('address', repeat('x', 100000), 'outcome', 'deferred'))"
                     " FROM mailproxy.message, generate_series(1, 150) n WHERE tenant_id = %s", acme.tenant_id)
    answer = acme.get("/message/m1")
    attempts = answer.json["attempts"]
    assert [a["attempt"] for a in attempts] == list(range(51, 151))
    assert [a["attempt"] for a in attempts if "recipients" in a] == list(range(141, 151))
    assert len(answer.body) < 1200000


@pytest.mark.parametrize("message_id", ["a/b", "a b", "100%", "a?b#c", "\u00e4\u20ac\U0001f600", "..", "x" * 255, "'; --"])
def test_any_id_can_be_asked_for(acme, message_id):
    acme.enqueue(message(message_id))
    assert detail(acme, message_id)["message"]["id"] == message_id


def told(answer):
    return answer.status, answer.json


def test_what_is_not_there_is_404(served, acme):
    acme.enqueue(message("m1"))
    assert told(acme.get("/message/m2")) == NOT_FOUND
    assert told(acme.get("/message/" + "x" * 300)) == NOT_FOUND
    assert told(served.api.get("/message/m1", tenant_id="nobody")) == NOT_FOUND


def test_a_tenants_token_reads_its_own_alone(served, acme):
    other = served.add_tenant(acme.tenant_id + "-other")
    assert other.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    acme.enqueue(message("both", subject="mine"), message("mine"))
    other.enqueue(message("both", subject="theirs"))
    assert detail(acme, "both")["message"]["message"]["subject"] == "mine"
    assert detail(other, "both")["message"]["message"]["subject"] == "theirs"
    assert told(other.get("/message/mine")) == NOT_FOUND
    assert other.get("/message/mine", tenant_id=acme.tenant_id).status == 401
    assert detail(served.api, "both", tenant_id=acme.tenant_id)["message"]["tenant_id"] == acme.tenant_id


def test_without_a_tenant_it_is_the_only_one_of_that_id_else_the_one_of_default(served, acme):
    unique, shared = acme.tenant_id + "-1", acme.tenant_id + "-2"
    acme.enqueue(message(unique), message(shared))
    assert detail(served.api, unique)["message"]["tenant_id"] == acme.tenant_id
    other = served.add_tenant(acme.tenant_id + "-other")
    for api in (other, served.api):
        assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    other.enqueue(message(shared))
    assert told(served.api.get("/message/" + shared)) == NOT_FOUND
    served.api.enqueue(message(shared), tenant_id="default")
    assert detail(served.api, shared)["message"]["tenant_id"] == "default"


def test_secrets_of_attachments_are_masked_here_too(acme):
    acme.enqueue(message("m1", attachments=[{"storage_path": "https://a.test/b.pdf", "auth": {"method": "bearer", "token": "hidden-word"}}]))
    answer = acme.get("/message/m1")
    assert answer.json["message"]["message"]["attachments"][0]["auth"] == "***"
    assert b"hidden-word" not in answer.body and b"sealed" not in answer.body
