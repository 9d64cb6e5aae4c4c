"""GET /messages, delete-messages and run-now, as far as they need no worker."""

import base64
import re

import pytest
from support.programs import epoch, message


@pytest.fixture
def acme(served, request):
    """A tenant of the test's own, with an account `main`."""
    api = served.add_tenant(re.sub(r"\W", "-", request.node.name)[:60])
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return api


def test_an_item_has_these_fields(acme):
    acme.enqueue(message("m1", batch_code="b1", headers={"X-A": None}))
    shown = acme.message("m1")
    for field in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown.pop(field))
    assert re.fullmatch(r"\S+", shown.pop("pk"))
    tenant_id = shown.pop("tenant_id")
    shown.pop("tenant_name", None)
    content = shown.pop("message")
    assert shown == {"id": "m1", "account_id": "main", "priority": 2, "batch_code": "b1", "status": "pending",
                     "is_pec": False}
    assert content["headers"] == {"X-A": None}, "the client's own nulls stay"
    assert content["subject"] == "Hello" and content["to"] == ["rcpt@example.net"]
    assert tenant_id


def test_attachment_content_is_shown_as_its_size(acme):
    content = base64.b64encode(b"x" * 1000).decode()
    acme.enqueue(message("m1", attachments=[{"filename": "a.bin", "content": content},
                                            {"filename": "b.bin", "storage_path": "base64:" + content},
                                            {"filename": "c.bin", "storage_path": "home:c.bin"}]))
    answer = acme.get("/messages")
    assert content.encode() not in answer.body
    assert b"1000" in answer.body
    assert [a["filename"] for a in answer.json["messages"][0]["message"]["attachments"]] == ["a.bin", "b.bin", "c.bin"]


def test_an_attachments_own_credentials_are_sealed_and_masked(acme, served):
    acme.enqueue(message("m1", attachments=[
        {"storage_path": "https://files.test/a.pdf", "auth": {"method": "basic", "user": "u", "password": "hidden-word"}},
        {"storage_path": "https://files.test/b.pdf", "auth": {"method": "bearer", "token": "hidden-word"}},
        {"storage_path": "https://files.test/c.pdf"}]))
    answer = acme.get("/messages")
    assert b"hidden-word" not in answer.body and b'"sealed"' not in answer.body
    shown = answer.json["messages"][0]["message"]["attachments"]
    assert [a.get("auth") for a in shown] == ["***", "***", None]
    assert served.value("SELECT count(*) FROM mailproxy.message_body WHERE content::text LIKE '%%hidden-word%%'") == 0


def test_without_a_key_an_attachments_credentials_reject_the_message(new_system):
    system = new_system(workers=0, MAIL_PROXY_ENCRYPTION_KEY=None)
    system.api.post("/account", {"id": "main", "host": "h", "port": 25})
    answer = system.api.add(message("plain"), message("secret", attachments=[
        {"storage_path": "a", "auth": {"method": "bearer", "token": "t"}}]))
    assert (answer.status, answer.json["queued"]) == (200, 1)
    assert "openssl rand -base64 32" in answer.json["rejected"][0]["reason"]


def test_order_is_priority_then_creation_then_id(acme):
    acme.enqueue(message("c", priority=3))
    acme.enqueue(message("b"), message("a"))
    acme.enqueue(message("z", priority=0))
    acme.enqueue(message("0"))
    assert [m["id"] for m in acme.messages()] == ["z", "a", "b", "0", "c"]


def test_filters(acme):
    acme.post("/account", {"id": "side", "host": "127.0.0.1", "port": 9})
    acme.enqueue(message("p"), message("d", deferred_ts=epoch() + 600), message("s", account="side"),
                 message("b", batch_code="news"))

    def ids(**query):
        return {m["id"] for m in acme.messages(**query)}

    assert ids(status="deferred") == {"d"}
    assert ids(status="pending") == {"p", "s", "b"}
    assert ids(status="sent") == set()
    assert ids(account_id="side") == {"s"}
    assert ids(batch_code="news") == {"b"}
    assert ids(active_only="true") == {"p", "d", "s", "b"}


def test_pages_by_limit_and_after_give_everything_once(acme):
    acme.enqueue(*[message(f"m{i:03}", priority=i % 4) for i in range(53)])
    seen, after = [], None
    for _ in range(20):
        answer = acme.get("/messages", limit=10, **({"after": after} if after else {})).json
        seen += [m["id"] for m in answer["messages"]]
        after = answer.get("next")
        if not after:
            break
    assert seen == [m["id"] for m in acme.messages()]
    assert len(seen) == 53


@pytest.mark.parametrize("name, value", [
    ("limit", "x"), ("limit", "-1"), ("limit", "0"), ("limit", "9" * 30), ("after", "nonsense"), ("after", "\x00"),
    ("status", "lost"), ("active_only", "perhaps"), ("include_history", "7"),
])
def test_a_bad_parameter_is_422_and_named(acme, name, value):
    answer = acme.get("/messages", **{name: value})
    assert answer.status == 422, answer
    assert answer.json["detail"][0]["loc"] == ["query", name]


def test_history_only_on_request(acme):
    acme.enqueue(message("m1"))
    assert "history" not in acme.message("m1")
    assert acme.message("m1", include_history="true")["history"] == []


def test_a_long_list_is_streamed_whole(served, acme):
    for part in range(3):
        acme.enqueue(*[message(f"m{part}-{i}", body="x" * 200) for i in range(2000)])
    assert len({m["id"] for m in acme.messages()}) == 6000


class TestDeleteMessages:
    def test_removed_not_found_and_repeated(self, served, acme):
        acme.enqueue(message("d1"), message("d2"), message("d3"))
        answer = acme.post("/commands/delete-messages", {"ids": ["d1", "nope", "d1", "", "d2"]})
        assert (answer.status, answer.json) == (200, {
            "ok": True, "removed": 2, "not_found": ["nope"], "unauthorized": []})
        assert [m["id"] for m in acme.messages()] == ["d3"]
        served.assert_accounted_for()

    def test_ids_may_be_missing(self, acme):
        answer = acme.post("/commands/delete-messages", {})
        assert (answer.status, answer.json) == (200, {"ok": True, "removed": 0, "not_found": [], "unauthorized": []})

    @pytest.mark.parametrize("ids", ["m1", 5, {"a": 1}, [5], [None], [["m1"]]])
    def test_bad_ids_are_422(self, acme, ids):
        answer = acme.post("/commands/delete-messages", {"ids": ids})
        assert answer.status == 422, answer
        assert answer.json["detail"][0]["loc"][:2] == ["body", "ids"]

    def test_an_id_with_a_nul_is_not_found_or_422(self, acme):
        assert acme.post("/commands/delete-messages", {"ids": ["a\x00b"]}).status in (200, 422)

    def test_another_tenants_message_stays(self, served, acme):
        other = served.add_tenant("other")
        other.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
        other.enqueue(message("theirs"))
        assert acme.post("/commands/delete-messages", {"ids": ["theirs"]}).json["not_found"] == ["theirs"]
        assert other.message("theirs")


class TestRunNow:
    @pytest.mark.parametrize("raw", [None, b"", b"{}", b"garbage", b"[1,", b"\xff", b'{"tenant_id":5}'])
    def test_ok_whatever_the_body(self, acme, raw):
        answer = acme.request("POST", "/commands/run-now", raw=raw)
        assert (answer.status, answer.json) == (200, {"ok": True})

    def test_another_tenants_is_401(self, served, acme):
        served.add_tenant("other")
        assert acme.post("/commands/run-now", tenant_id="other").status == 401

    def test_it_makes_news_for_the_tenant_alone(self, served, acme):
        def news():
            return {r["tenant_id"]: r["news_seq"] for r in
                    served.rows("SELECT tenant_id, news_seq FROM mailproxy.tenant_sync")}

        before = news()
        acme.post("/commands/run-now")
        after = news()
        changed = {t for t in after if after[t] != before.get(t)}
        assert len(changed) == 1 and changed != {"default"}
