"""add-messages: every message stands alone; what is accepted, what is rejected and why."""

import base64

import pytest
from support.message_cases import ACCEPTED, ATTACHMENTS, BLANK, INVALID, PRIORITIES
from support.programs import epoch, message
from support.waiting import wait_for


@pytest.fixture(scope="module")
def acme(served):
    api = served.add_tenant("acme")
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return api


def rejection(api, bad, **query):
    """The reason why `bad` is rejected, next to a good message that is not."""
    answer = api.add(message("good"), bad, **query)
    assert answer.status == 200, answer
    body = answer.json
    assert (body["ok"], body["queued"], len(body["rejected"])) == (True, 1, 1), answer
    if isinstance(bad, dict) and isinstance(bad.get("id"), str) and bad["id"].isprintable():
        assert body["rejected"][0]["id"] == bad["id"]
    return body["rejected"][0]["reason"]


def without(field):
    bad = message("bad")
    del bad[field]
    return bad


# The checks, in their order.

def test_missing_fields_are_named(acme):
    for field in ("id", "from", "to", "account_id", "subject"):
        assert rejection(acme, without(field)) == f"missing {field}"
        assert rejection(acme, message("bad", **{"account_id" if field == "account_id" else field: None})
                         ) == f"missing {field}"


@pytest.mark.parametrize("field, value", BLANK)
def test_blank_is_missing(acme, field, value):
    bad = {**message("bad"), field: value}
    assert rejection(acme, bad) == f"missing {field}"


def test_an_empty_subject_is_fine(acme):
    acme.enqueue(message("no-subject", subject=""))


def test_the_first_failure_is_the_reason(acme):
    bad = {"id": "bad", "account_id": "nobody", "subject": 5}
    assert rejection(acme, bad) == "missing from"
    bad["from"] = "no address"
    assert rejection(acme, bad) == "missing to"
    bad["to"] = ["a@b.test"]
    assert rejection(acme, bad) == "account not found for tenant"
    bad["account_id"] = "main"
    assert rejection(acme, bad).startswith("invalid from: ")
    bad["from"] = "a@b.test"
    assert rejection(acme, bad).startswith("invalid subject: ")


def test_the_checks_come_in_this_order(acme):
    """A message with everything wrong; what is named as the reason is put right, one after the other."""
    bad = {"tenant_id": "other", "body": "a\0"}
    for reason, remedy in [("missing id", {"id": "x" * 256}), ("missing from", {"from": 5}), ("missing to", {"to": "nobody"}),
                           ("missing account_id", {"account_id": "nobodys"}), ("missing subject", {"subject": "a\r\nb"}),
                           ("tenant mismatch", {"tenant_id": None}), ("account not found for tenant", {"account_id": "main"}),
                           ("invalid id: ", {"id": "put-right"}), ("invalid from: ", {"from": "a@b.test"}), ("invalid to: ", {"to": "c@d.test"}),
                           ("invalid subject: ", {"subject": ""}), ("invalid body: ", {"body": None})]:
        assert rejection(acme, bad).startswith(reason)
        bad.update(remedy)
    assert acme.add(bad).json["queued"] == 1


# Every field, wrong in every way.

@pytest.mark.parametrize("field, value", INVALID, ids=[f"{f}-{i}" for i, (f, _) in enumerate(INVALID)])
def test_a_malformed_field_rejects_that_message_alone(served, acme, field, value):
    bad = {**message("bad"), field: value}
    reason = rejection(acme, bad)
    allowed = [f"invalid {field}: "]
    if field in ("account_id", "tenant_id"):
        allowed += ["account not found for tenant", "tenant mismatch"]
    assert any(reason.startswith(a) for a in allowed), reason
    assert "\n" not in reason and "\r" not in reason
    assert served.value("SELECT count(*) FROM mailproxy.message WHERE message_id LIKE 'bad%%'") == 0


@pytest.mark.parametrize("raw", [
    b'{"messages":[%s,{"id":"bad","account_id":"main","from":"a@b.test","to":"c@d.test","subject":"\xff\xfe"}]}',
    b'{"messages":[%s,{"id":"bad","account_id":"main","from":"a@b.test","to":"c@d.test","subject":"\\ud800"}]}',
    b'{"messages":[%s,{"id":"bad","account_id":"main","from":"a@b.test","to":"c@d.test","subject":"s","body":"\\u0000"}]}',
    b'{"messages":[%s,{"id":"bad","account_id":"main","from":"a@b.test","to":"c\xff@d.test","subject":"s"}]}',
    b'{"messages":[%s,5]}', b'{"messages":[%s,null]}', b'{"messages":[%s,[]]}', b'{"messages":[%s,"m"]}',
])
def test_what_json_can_hide_rejects_that_message_alone(acme, raw):
    import json

    answer = acme.request("POST", "/commands/add-messages", raw=raw % json.dumps(message("good")).encode())
    assert answer.status == 200, answer
    assert answer.json["queued"] == 1
    assert len(answer.json["rejected"]) == 1


def test_a_message_over_the_size_limit_is_rejected_alone(new_system):
    system = new_system(workers=0, GMP_MAX_MESSAGE_BYTES=100000, GMP_MAX_ATTACHMENT_BYTES=50000)
    api = system.add_tenant()
    api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    big = base64.b64encode(b"x" * 60000).decode()
    answer = api.add(message("good"), message("long", body="x" * 100001),
                     message("fat", attachments=[{"filename": "a.bin", "content": big}]))
    assert answer.json["queued"] == 1
    reasons = {r["id"]: r["reason"] for r in answer.json["rejected"]}
    assert reasons["fat"].startswith("invalid attachments: ")
    assert "100000" in reasons["long"]


# What is accepted.

@pytest.mark.parametrize("fields", ACCEPTED, ids=[f"{'-'.join(f)[:30]}-{i}" for i, f in enumerate(ACCEPTED)])
def test_a_good_message_is_queued(acme, fields):
    acme.enqueue({**message("fine"), **fields})


@pytest.mark.parametrize("name", ["from_addr", "from_"])
def test_other_names_for_from(acme, name):
    other = without("from")
    other[name] = "ann@example.com"
    other["id"] = f"by-{name}"
    acme.enqueue(other)


@pytest.mark.parametrize("given, stored", PRIORITIES)
def test_priority(acme, given, stored):
    acme.enqueue(message("prio", priority=given))
    shown = acme.message("prio")
    assert (shown["priority"], shown["message"]["priority"]) == (stored, stored)


def test_default_priority_is_for_messages_without_one(acme):
    for default, stored in ((0, 0), ("low", 3), ("HIGH", 1), ("3", 3), (9, 3), (-1, 0), (None, 2), ("nonsense", 2), ([], 2), ("\0", 2)):
        answer = acme.post("/commands/add-messages", {"default_priority": default, "messages": [
            message("d1"), message("d2", priority=1), message("d3", priority=None), message("d4", priority="nonsense")]})
        assert answer.json["queued"] == 4, answer
        assert [acme.message(f"d{i}")["priority"] for i in range(1, 5)] == [stored, 1, stored, stored]


def test_the_priority_of_a_message_without_one_is_a_setting(new_system):
    system = new_system(workers=0, GMP_DEFAULT_PRIORITY=3)
    system.api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    system.api.enqueue(message("m1"), message("m2", priority="high"))
    assert [(m["id"], m["priority"]) for m in system.api.messages()] == [("m2", 1), ("m1", 3)]


def test_deferred_until_its_time(acme):
    later = epoch() + 3600
    acme.enqueue(message("later", deferred_ts=later), message("past", deferred_ts=epoch() - 3600))
    assert acme.message("later")["status"] == "deferred"
    assert acme.message("later")["deferred_ts"] == later
    assert acme.message("past")["status"] == "pending"
    assert "deferred_ts" not in acme.message("past")
    acme.enqueue(*[message(f"t{i}", deferred_ts=given) for i, given in enumerate([str(later), float(later), f" {later} "])])
    assert [acme.message(f"t{i}")["deferred_ts"] for i in range(3)] == [later] * 3
    acme.enqueue(*[message(f"now{i}", deferred_ts=given) for i, given in enumerate([-5, 0, True, "-1", None])])
    assert {acme.message(f"now{i}")["status"] for i in range(5)} == {"pending"}


# Attachments, in both dialects: what is made of them is shown by the list.

@pytest.mark.parametrize("given, filename, fetch_mode", ATTACHMENTS, ids=range(len(ATTACHMENTS)))
def test_an_attachments_name_and_the_way_to_fetch_it_are_found(acme, given, filename, fetch_mode):
    acme.enqueue(message("att", attachments=[{**given, "colour": "red"}]))
    (shown,) = acme.message("att")["message"]["attachments"]
    assert (shown["filename"], shown["fetch_mode"]) == (filename, fetch_mode)
    assert "colour" not in shown
    if fetch_mode == "base64":
        assert shown.get("content", shown.get("storage_path")) == 1, "its size"
    elif "s3" in shown:
        assert shown["s3"] == {"bucket": "b", "key": given["s3"]["key"]}
    else:
        assert shown.get("storage_path", shown.get("url")) == given.get("storage_path", given.get("url"))


# The request as a whole.

def test_the_body_must_be_an_object_with_an_array(acme):
    for raw, loc in ((b"{}", ["body", "messages"]), (b'{"messages":null}', ["body", "messages"]),
                     (b'{"messages":{}}', ["body", "messages"]), (b"[]", ["body"])):
        answer = acme.request("POST", "/commands/add-messages", raw=raw)
        assert answer.status == 422, raw
        assert answer.json["detail"][0]["loc"] == loc


def test_an_empty_array_is_fine(acme):
    answer = acme.add()
    assert (answer.status, answer.json) == (200, {"ok": True, "queued": 0, "rejected": []})


def test_more_than_ten_thousand_messages_are_refused(served, acme):
    answer = acme.add(*[{"id": str(i)} for i in range(10001)])
    assert (answer.status, answer.json) == (400, {"detail": {
        "error": "Cannot enqueue more than 10000 messages at once", "rejected": None}})


def test_ten_thousand_messages_are_taken(acme):
    answer = acme.add(*[message(f"many{i}") for i in range(9998)], message("many0", to=[]), {}, tenant_id="acme")
    assert (answer.status, answer.json["queued"]) == (200, 9998)
    assert answer.json["rejected"] == [{"id": "many0", "reason": "missing to"}, {"reason": "missing id"}]


@pytest.mark.parametrize("given, shown", [({}, {}), ({"id": None}, {}), ({"id": ""}, {"id": ""}), ({"id": 5}, {"id": 5}), ({"id": ["a"]}, {})])
def test_a_rejected_message_is_named_by_the_id_it_came_with(acme, given, shown):
    answer = acme.add(message("good"), given)
    assert answer.json["rejected"] == [{**shown, "reason": "missing id" if given.get("id") in (None, "") else "missing from"}]


def test_all_rejected_names_a_tenant_where_the_query_the_body_or_one_message_does(acme):
    bad = [without("from"), without("to")]
    rejected = [{"id": "bad", "reason": "missing from"}, {"id": "bad", "reason": "missing to"}]
    for answer in (acme.add(*bad, tenant_id="acme"), acme.add(bad[0], {**bad[1], "tenant_id": "acme"}),
                   acme.post("/commands/add-messages", {"messages": bad, "tenant_id": "acme"})):
        assert (answer.status, answer.json["rejected"], answer.json["detail"]["rejected"]) == (400, rejected, rejected)
        assert "error" not in answer.json, "a client would take that for the error of every message"
    for answer in (acme.add(*bad), acme.add(*bad, tenant_id=""), acme.add(bad[0], {**bad[1], "tenant_id": None})):
        assert (answer.status, answer.json) == (200, {"ok": True, "queued": 0, "rejected": rejected})


@pytest.mark.parametrize("state, reason", [("sent", "already sent"), ("leased", "being sent")])
def test_all_rejected_is_200_where_one_was_sent_or_is_being_sent(served, acme, state, reason):
    acme.enqueue(message(state, subject="first"))
    if state == "sent":
        served.rows("WITH m AS (UPDATE mailproxy.message SET state = 'sent', finished_at = now() WHERE message_id = 'sent'"
                    " RETURNING message_pk) DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m)")
    else:
        served.rows("UPDATE mailproxy.queue q SET state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now()"
                    " FROM mailproxy.message m WHERE m.message_pk = q.message_pk AND m.message_id = 'leased'")
    for others, rejected in (([], []), ([without("to")], [{"id": "bad", "reason": "missing to"}])):
        answer = acme.add(*others, message(state, subject="second"), tenant_id="acme")
        assert (answer.status, answer.json) == (200, {"ok": True, "queued": 0, "rejected": [*rejected, {"id": state, "reason": reason}]})
    assert acme.message(state)["message"]["subject"] == "first"


def test_all_rejected_is_400_with_the_list_at_the_top_too(acme):
    answer = acme.add(without("from"), tenant_id="acme")
    rejected = [{"id": "bad", "reason": "missing from"}]
    assert (answer.status, answer.json) == (400, {
        "detail": {"error": "all messages rejected", "rejected": rejected}, "ok": False, "queued": 0, "rejected": rejected})


def test_all_rejected_is_200_for_a_client_that_names_no_tenant(acme):
    answer = acme.add(without("from"))
    assert (answer.status, answer.json) == (200, {
        "ok": True, "queued": 0, "rejected": [{"id": "bad", "reason": "missing from"}]})


def test_ten_bad_ones_among_a_thousand(served, acme):
    batch = [message(f"k{i}") for i in range(1000)]
    bad = {f"k{i}": reason for i, reason in zip(range(50, 1000, 95), range(10))}
    for i in range(50, 1000, 95):
        batch[i]["to"] = ["no address"]
    assert len(bad) == 10
    answer = acme.add(*batch)
    assert answer.status == 200
    assert answer.json["queued"] == 990
    assert {r["id"] for r in answer.json["rejected"]} == set(bad)
    assert all(r["reason"].startswith("invalid to: ") for r in answer.json["rejected"])
    assert served.value("SELECT count(*) FROM mailproxy.message WHERE message_id ~ '^k[0-9]+$'") == 990
    served.assert_accounted_for()


def test_the_same_id_twice_in_one_batch_the_last_wins_and_counts_once(acme):
    answer = acme.add(message("twice", subject="first"), message("twice", subject="second"))
    assert (answer.status, answer.json) == (200, {"ok": True, "queued": 1, "rejected": []})
    assert acme.message("twice")["message"]["subject"] == "second"


def test_the_same_id_again_replaces_and_starts_afresh(served, acme):
    acme.enqueue(message("again", subject="first", priority=3, batch_code="b1", deferred_ts=epoch() + 999))
    acme.enqueue(message("again", subject="second"))
    shown = acme.message("again")
    assert shown["message"]["subject"] == "second"
    assert (shown["priority"], shown["status"]) == (2, "pending")
    assert "batch_code" not in shown and "deferred_ts" not in shown
    assert served.value("SELECT count(*) FROM mailproxy.message WHERE message_id = 'again'") == 1
    served.assert_accounted_for()


def test_what_waits_for_a_retry_or_is_in_error_is_replaced_and_starts_afresh(served, acme):
    acme.enqueue(message("deferred", subject="first"), message("error", subject="first"))
    served.rows("UPDATE mailproxy.message SET reason = 'busy (SMTP 450)', retries = 3 WHERE message_id IN ('deferred', 'error')")
    served.rows("UPDATE mailproxy.queue q SET state = 'scheduled', attempts = 4, due_at = now() + interval '1 hour'"
                " FROM mailproxy.message m WHERE m.message_pk = q.message_pk AND m.message_id = 'deferred'")
    served.rows("WITH m AS (UPDATE mailproxy.message SET state = 'error', finished_at = now() WHERE message_id = 'error'"
                " RETURNING *), q AS (DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m))"
                " INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id)"
                " SELECT message_pk, now(), 'error', tenant_id FROM m")
    assert [acme.message(i)["status"] for i in ("deferred", "error")] == ["deferred", "error"]
    acme.enqueue(message("deferred", subject="second"), message("error", subject="second"))
    for message_id in ("deferred", "error"):
        shown = acme.message(message_id, include_history="true")
        assert (shown["status"], shown["message"]["subject"], shown["history"]) == ("pending", "second", [])
        assert not {"error", "error_ts", "deferred_ts", "deferred_reason", "reported_ts"} & shown.keys()
        assert "retry_count" not in shown["message"]
    assert served.value("SELECT max(q.attempts) FROM mailproxy.queue q JOIN mailproxy.message m USING (message_pk)"
                        " WHERE m.message_id IN ('deferred', 'error')") == 0
    served.assert_accounted_for()


def test_nothing_of_a_rejected_message_is_reported(new_tenant, relay, store):
    api = new_tenant(relay, store)
    answer = api.add(message("bad", to=[]), message("good"))
    assert answer.json["rejected"] == [{"id": "bad", "reason": "missing to"}]
    wait_for(lambda: store.entries("good"), "the report of the other one")
    assert store.entries("bad") == []


def test_a_rejected_message_is_not_stored(served, acme):
    rejection(acme, message("never", to=["x"]))
    assert served.value("SELECT count(*) FROM mailproxy.message WHERE message_id = 'never'") == 0


def test_nothing_is_stored_when_the_database_goes_in_the_middle(new_system):
    """A batch is stored whole or not at all; the client is told which."""
    system = new_system(workers=0, GMP_DB_POOL_WAIT_MS=1000)
    api = system.add_tenant()
    api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    system.rows("CREATE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$")
    system.rows("CREATE TRIGGER cut AFTER INSERT ON mailproxy.queue EXECUTE FUNCTION public.cut()")
    answer = api.add(*[message(f"m{i}") for i in range(100)])
    assert answer.status == 503, answer
    system.rows("DROP TRIGGER cut ON mailproxy.queue")
    assert api.messages() == []
    api.enqueue(*[message(f"m{i}") for i in range(100)])
    assert len(api.messages()) == 100
