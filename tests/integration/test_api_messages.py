"""GET /messages, as far as it needs no worker."""

import base64
import re

import pytest
from support.programs import epoch, message
from support.queue_sql import change_queue_row


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


def keys_of(shown):
    return set(shown) - {"pk", "id", "tenant_id", "account_id", "priority", "status", "created_at", "updated_at", "is_pec", "message"}


@pytest.mark.parametrize("status, keys", [
    ("pending", set()), ("scheduled", {"deferred_ts"}), ("retry", {"deferred_ts", "deferred_reason"}), ("sending", set()),
    ("sent", {"sent_ts"}), ("error", {"error_ts", "error"}), ("told", {"sent_ts", "reported_ts"}),
    ("bounced", {"sent_ts", "bounce_ts", "bounce_type", "bounce_code", "bounce_reason"}),
])
def test_each_status_has_its_fields_and_no_others(acme, status, keys):
    """Whatever it went through before: reasons and times of earlier attempts are in the row all the while."""
    acme.enqueue(message("m1", **({"deferred_ts": epoch() + 600} if status == "scheduled" else {})))
    if status != "scheduled":
        acme.system.rows("UPDATE mailproxy.message SET reason = 'busy (SMTP 450)', retries = 1 WHERE tenant_id = %s", acme.tenant_id)
    if status == "retry":
        change_queue_row(acme, "m1", "state = 'scheduled', due_at = now() + interval '1 hour'")
    if status == "sending":
        change_queue_row(acme, "m1", "state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now()")
    if status in ("sent", "error", "told", "bounced"):
        acme.system.rows("WITH m AS (UPDATE mailproxy.message SET state = %s, finished_at = now(),"
                         "  reason = CASE WHEN %s = 'error' THEN 'no' END WHERE tenant_id = %s RETURNING message_pk)"
                         " DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m)",
                         "error" if status == "error" else "sent", status, acme.tenant_id)
    event = ("INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id, description, metadata)"
             " SELECT message_pk, now(), %s, %s, tenant_id, %s, %s FROM mailproxy.message WHERE tenant_id = %s")
    if status == "told":
        acme.system.rows(event, "2026-01-01", "sent", None, None, acme.tenant_id)
    if status == "bounced":
        acme.system.rows(event, None, "bounce", "gone", '{"bounce_type":"hard","bounce_code":"511"}', acme.tenant_id)
    shown = acme.message("m1")
    assert keys_of(shown) == keys
    assert shown["status"] == {"scheduled": "deferred", "retry": "deferred", "told": "sent", "bounced": "sent"}.get(status, status)
    for key in keys & {"deferred_ts", "sent_ts", "error_ts", "reported_ts", "bounce_ts"}:
        assert type(shown[key]) is int
    assert type(shown["pk"]) is str and type(shown["is_pec"]) is bool
    assert shown["message"].get("retry_count") == (None if status == "scheduled" else 1)


def test_the_tenants_name_is_shown_where_it_has_one(served, acme):
    acme.enqueue(message("m1"))
    assert "tenant_name" not in acme.message("m1")
    assert acme.request("PUT", f"/tenant/{acme.tenant_id}", {"name": "Acme & Sons"}).status == 200
    assert acme.message("m1")["tenant_name"] == "Acme & Sons"


def test_the_message_is_what_the_client_sent_with_its_priority_as_a_number(acme):
    """Its own nulls stay; what the service does not know is not kept."""
    sent = {"id": "m1", "tenant_id": acme.tenant_id, "account_id": "main", "from": "Ann \u00c4 <a@b.test>", "to": "c@d.test, e@f.test",
            "cc": ["g@h.test"], "bcc": None, "reply_to": "i@j.test", "return_path": None, "subject": "\u00e4\u20ac\U0001f600 \"\\\t",
            "body": "one\r\ntwo\u2028", "content_type": "html", "headers": {"X-A": None, "X-B": 5, "X-C": True, "X-D": "d"},
            "message_id": "GNR_1", "attachments": None, "priority": "high", "deferred_ts": None, "batch_code": None}
    acme.enqueue({**sent, "colour": "red"})
    assert acme.message("m1")["message"] == {**sent, "priority": 1}
    acme.enqueue({k: v for k, v in sent.items() if v is not None and k != "priority"})
    assert acme.message("m1")["message"] == {**{k: v for k, v in sent.items() if v is not None}, "priority": 2}


def test_an_item_of_certified_mail_says_so(acme):
    assert acme.post("/account", {"id": "pec", "host": "127.0.0.1", "port": 9, "is_pec_account": True}).status == 200
    acme.enqueue(message("plain"), message("pec", account="pec"))
    assert {m["id"]: m["is_pec"] for m in acme.messages()} == {"plain": False, "pec": True}


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
    ("limit", "x"), ("limit", "-1"), ("limit", "0"), ("limit", "9" * 30), ("limit", "1.5"), ("limit", ""), ("after", "nonsense"),
    ("after", "\x00"), ("after", "x" * 5000), ("status", "lost"), ("status", "PENDING"), ("active_only", "perhaps"),
    ("include_history", "7"), ("tenant_id", "\x00"), ("tenant_id", "x" * 256), ("account_id", "\x00"), ("account_id", "x" * 5000),
    ("batch_code", "\x00"), ("batch_code", "x" * 5000),
])
def test_a_bad_parameter_is_422_and_named(acme, name, value):
    answer = acme.get("/messages", **{name: value})
    assert answer.status == 422, answer
    assert answer.json["detail"][0]["loc"] == ["query", name]


class TestStatus:
    """What is shown of where a message stands, and the times and reasons that go with it."""

    @staticmethod
    def gate(api, seconds, reason):
        api.system.rows("UPDATE mailproxy.account_state SET gate_until = now() + make_interval(secs => %s), gate_reason = %s"
                        " WHERE tenant_id = %s", seconds, reason, api.tenant_id)

    @staticmethod
    def shown(api, message_id="m1"):
        found = api.message(message_id)
        return {k: found[k] for k in ("status", "deferred_ts", "deferred_reason", "sent_ts", "error_ts", "error") if k in found}

    def test_pending(self, acme):
        acme.enqueue(message("m1"))
        assert self.shown(acme) == {"status": "pending"}

    def test_a_time_to_come_is_deferred_without_a_reason(self, acme):
        due = epoch() + 600
        acme.enqueue(message("m1", deferred_ts=due))
        assert self.shown(acme) == {"status": "deferred", "deferred_ts": due}

    def test_a_time_that_has_come_is_pending(self, acme):
        acme.enqueue(message("m1", deferred_ts=epoch() + 600))
        change_queue_row(acme, "m1", "due_at = now() - interval '1 second'")
        assert self.shown(acme) == {"status": "pending"}

    def test_a_retry_shows_the_last_reply_while_it_waits(self, acme):
        acme.enqueue(message("m1"))
        acme.system.rows("UPDATE mailproxy.message SET reason = 'busy (SMTP 450)', retries = 2 WHERE tenant_id = %s", acme.tenant_id)
        change_queue_row(acme, "m1", "state = 'scheduled', due_at = to_timestamp(%s)", epoch() + 600)
        shown = self.shown(acme)
        assert (shown["status"], shown["deferred_reason"]) == ("deferred", "busy (SMTP 450)")
        assert acme.message("m1")["message"]["retry_count"] == 2
        change_queue_row(acme, "m1", "state = 'ready', due_at = now()")
        assert self.shown(acme) == {"status": "pending"}, "it waits for no time any more, so no reason is shown"

    def test_a_gated_account_defers_what_is_not_in_a_workers_hands(self, acme):
        acme.enqueue(message("m1"), message("later", deferred_ts=epoch() + 6000), message("sending"))
        change_queue_row(acme, "sending", "state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now()")
        self.gate(acme, 600, "connection refused")
        shown = self.shown(acme)
        assert (shown["status"], shown["deferred_reason"]) == ("deferred", "connection refused")
        assert abs(shown["deferred_ts"] - epoch() - 600) < 60
        assert self.shown(acme, "later")["deferred_ts"] > epoch() + 5000
        assert self.shown(acme, "sending") == {"status": "sending"}
        self.gate(acme, -1, "connection refused")
        assert self.shown(acme) == {"status": "pending"}

    def test_held_in_a_suspended_batch_is_pending_or_deferred_while_its_time_is_to_come(self, acme):
        due = epoch() + 600
        acme.enqueue(message("m1", batch_code="news"), message("later", batch_code="news", deferred_ts=due))
        for message_id in ("m1", "later"):
            change_queue_row(acme, message_id, "state = 'held'")
        assert self.shown(acme) == {"status": "pending"}
        assert self.shown(acme, "later") == {"status": "deferred", "deferred_ts": due}
        assert {m["id"] for m in acme.messages(status="pending")} == {"m1"}
        assert {m["id"] for m in acme.messages(active_only="true")} == {"m1", "later"}

    def test_a_suspended_tenants_messages_are_shown_as_ever(self, acme):
        acme.system.rows("UPDATE mailproxy.tenant SET suspended_batches = '{*}' WHERE tenant_id = %s", acme.tenant_id)
        acme.enqueue(message("m1"), message("later", deferred_ts=epoch() + 600))
        assert self.shown(acme) == {"status": "pending"}
        assert self.shown(acme, "later")["status"] == "deferred"

    @pytest.mark.parametrize("state, reason, expected", [
        ("sent", None, {"status": "sent", "sent_ts": 1000}),
        ("error", "no (SMTP 554)", {"status": "error", "error_ts": 1000, "error": "no (SMTP 554)"}),
        ("cancelled", "by hand", {"status": "error", "error_ts": 1000, "error": "by hand"}),
    ])
    def test_final_states(self, acme, state, reason, expected):
        acme.enqueue(message("m1"))
        self.gate(acme, 600, "a gate defers nothing that is final")
        acme.system.rows("WITH m AS (UPDATE mailproxy.message SET state = %s, reason = %s, finished_at = to_timestamp(1000)"
                         " WHERE tenant_id = %s RETURNING message_pk)"
                         " DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m)",
                         state, reason, acme.tenant_id)
        assert self.shown(acme) == expected
        assert acme.messages(active_only="true") == []


class TestHistory:
    def test_only_on_request(self, acme):
        acme.enqueue(message("m1"))
        assert "history" not in acme.message("m1")
        assert acme.message("m1", include_history="true")["history"] == []

    def test_items_reports_and_bounces(self, acme):
        acme.enqueue(message("m1"), message("m2"))
        event = ("INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id, description, metadata)"
                 " SELECT message_pk, to_timestamp(%s), to_timestamp(%s), %s, tenant_id, %s, %s FROM mailproxy.message"
                 " WHERE tenant_id = %s AND message_id = %s RETURNING event_pk")
        pks = [acme.system.value(event, *values, acme.tenant_id, message_id) for message_id, *values in [
            ("m1", 1000, 1001, "deferred", "busy", None),
            ("m2", 2000, None, "sent", None, None),
            ("m1", 1100, 1101, "sent", None, '{"refused":[{"address":"a@x.it"}]}'),
            ("m1", 1200, None, "bounce", "no such user", '{"bounce_type":"hard","bounce_code":"511"}')]]
        m1, m2 = (acme.message(message_id, include_history="true") for message_id in ("m1", "m2"))
        assert m1["history"] == [
            {"event_id": pks[0], "event_type": "deferred", "event_ts": 1000, "description": "busy", "reported_ts": 1001},
            {"event_id": pks[2], "event_type": "sent", "event_ts": 1100, "metadata": {"refused": [{"address": "a@x.it"}]},
             "reported_ts": 1101},
            {"event_id": pks[3], "event_type": "bounce", "event_ts": 1200, "description": "no such user",
             "metadata": {"bounce_type": "hard", "bounce_code": "511"}}]
        assert m2["history"] == [{"event_id": pks[1], "event_type": "sent", "event_ts": 2000}]
        assert {k: v for k, v in m1.items() if k.startswith("bounce")} == {
            "bounce_ts": 1200, "bounce_type": "hard", "bounce_code": "511", "bounce_reason": "no such user"}
        assert "reported_ts" not in m1, "not all of it was told yet"
        acme.system.rows("UPDATE mailproxy.event SET reported_at = to_timestamp(1300) WHERE event_pk = %s", pks[3])
        assert acme.message("m1")["reported_ts"] == 1300


class TestPages:
    @staticmethod
    def walk(api, between=None, **query):
        """All pages, `between` run after each."""
        seen, after = [], {}
        while True:
            answer = api.get("/messages", **query, **after)
            assert answer.status == 200, answer
            seen += [m["id"] for m in answer.json["messages"]]
            if "next" not in answer.json:
                return seen
            after = {"after": answer.json["next"]}
            if between:
                between(len(seen))

    def test_rows_that_come_and_go_hide_and_repeat_no_other(self, acme):
        acme.enqueue(*[message(f"m{i:03}", priority=1) for i in range(40)])

        def change(seen):
            acme.enqueue(message(f"before{seen}", priority=0), message(f"behind{seen}", priority=3))
            last = f"m{seen - 1 - 10 * (seen > 40):03}"
            acme.post("/commands/delete-messages", {"ids": [last, f"m{seen - 5:03}"]})  # also the one the cursor points at

        seen = self.walk(acme, change, limit=10)
        assert [i for i in seen if i.startswith("m")] == [f"m{i:03}" for i in range(40)]
        assert len(seen) == len(set(seen))
        assert not [i for i in seen if i.startswith("before")], "what comes earlier in the list is behind us"

    def test_a_page_whose_end_is_the_lists_end_has_no_next(self, acme):
        acme.enqueue(*[message(f"m{i}") for i in range(4)])
        assert "next" in acme.get("/messages", limit=3).json
        assert "next" not in acme.get("/messages", limit=4).json
        assert self.walk(acme, limit=2) == ["m0", "m1", "m2", "m3"]

    def test_filters_hold_on_every_page(self, acme):
        acme.post("/account", {"id": "side", "host": "127.0.0.1", "port": 9})
        acme.enqueue(*[message(f"m{i:04}", account="side" if i % 100 == 7 else "main") for i in range(1200)])
        assert self.walk(acme, limit=5, account_id="side") == [f"m{i:04}" for i in range(1200) if i % 100 == 7]

    def test_the_list_of_all_tenants_is_in_one_order(self, served):
        """Same priority, same id, accepted in the same moment by several tenants: the tenant decides, and nothing is left out."""
        names = ["merge-c", "merge-a", "merge-b"]
        for name in names:
            api = served.add_tenant(name)
            api.post("/account", {"id": "merge", "host": "127.0.0.1", "port": 9})
            api.enqueue(*[message(f"m{i}", account="merge", priority=i % 4) for i in range(6)])
        served.rows("UPDATE mailproxy.message SET created_at = '2020-01-01' WHERE tenant_id LIKE 'merge-%%'")
        seen, after = [], {}
        while True:
            answer = served.api.get("/messages", limit=5, account_id="merge", **after).json
            seen += [(m["priority"], m["id"], m["tenant_id"]) for m in answer["messages"]]
            if "next" not in answer:
                break
            after = {"after": answer["next"]}
        assert seen == sorted((i % 4, f"m{i}", name) for i in range(6) for name in names)

    @pytest.mark.parametrize("text", ["[]", "[1]", '[0,"1","a"]', '[9,"1","a","t"]', '[0,"-1","a","t"]', '[0,"x","a","t"]',
                                      '[0,"1",5,"t"]', '[0,"1","a",null]', '{"a":1}', "[0,1e99,1,1]", '[0,"1","a\\u0000","t"]', ""])
    def test_a_forged_cursor_is_422(self, acme, text):
        after = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") or "!"
        answer = acme.get("/messages", after=after)
        assert answer.status == 422 and answer.json["detail"][0]["loc"] == ["query", "after"], answer

    def test_a_cursor_of_another_tenant_shows_nothing_of_it(self, served, acme):
        other = served.add_tenant("cursor-other")
        other.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
        other.enqueue(message("o1"), message("o2"))
        after = other.get("/messages", limit=1).json["next"]
        acme.enqueue(message("m1"))
        assert [m["id"] for m in acme.messages(after=after)] == ["m1"]


def test_a_long_list_is_streamed_whole(served, acme):
    for part in range(3):
        acme.enqueue(*[message(f"m{part}-{i}", body="x" * 200) for i in range(2000)])
    assert len({m["id"] for m in acme.messages()}) == 6000
