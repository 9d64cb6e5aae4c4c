"""GET /messages?search=: by id, Message-ID, subject and recipient, in bounded steps."""

import pytest
from support.programs import message

LOOKED_AT = 20000  # messages, by one request


def ids(api, **query):
    return [m["id"] for m in api.messages(**query)]


def all_ids(api, **query):
    """By as many requests as it takes: the ids, and how many requests."""
    found, after = [], {}
    for requests in range(1, 100):
        answer = api.get("/messages", **query, **after)
        assert answer.status == 200, answer
        found += [m["id"] for m in answer.json["messages"]]
        if "next" not in answer.json:
            return found, requests
        after = {"after": answer.json["next"]}
    raise AssertionError("it has no end")


@pytest.fixture
def shop(acme):
    acme.enqueue({**message("order-1", subject="Your Order", to=["ann@example.net"]), "message_id": "one@shop.test"},
                 message("order-10", subject="order-1 again", cc="Bob <bob@Example.ORG>, c@d.test", batch_code="b1"),
                 message("order-2", subject="Gr\u00fc\u00dfe", bcc=["hidden@example.net"]),
                 message("order-3", subject='a "quoted" 100% _word_', body="ann@example.net"))
    return acme


@pytest.mark.parametrize("sought, expected", [
    ("order-1", ["order-1"]),  # an id, and so nothing else, whatever the subjects are
    ("one@shop.test", ["order-1"]), ("<one@shop.test>", ["order-1"]),
    ("ORDER", ["order-1", "order-10"]), ("rder-1 a", ["order-10"]),
    ("ann@example.net", ["order-1"]), ("BOB@", ["order-10"]), ("c@D.test", ["order-10"]), ("hidden@", ["order-2"]),
    ("Gr\u00fc\u00dfe", ["order-2"]), ('"quoted"', ["order-3"]), ("100%", ["order-3"]), ("_word_", ["order-3"]),
    ("%", ["order-3"]), ("nothing like it", []), ("Hello, world", []),  # a body is not looked at
    ("order-", ["order-10"]),
])
def test_what_is_found(shop, sought, expected):
    assert ids(shop, search=sought) == expected


def test_an_empty_search_is_none(shop):
    assert len(ids(shop, search="")) == 4


def test_it_goes_together_with_the_filters_and_the_history(shop):
    assert ids(shop, search="order", batch_code="b1") == ["order-10"]
    assert ids(shop, search="order-1", batch_code="b1") == []
    assert ids(shop, search="order", status="sent") == []
    assert shop.messages(search="ann@", include_history="true")[0]["history"] == []


def test_pages_of_a_search(acme):
    acme.enqueue(*[message(f"m{i:03}", subject="even" if i % 2 == 0 else "odd") for i in range(40)])
    expected = [f"m{i:03}" for i in range(0, 40, 2)]
    assert all_ids(acme, search="EVEN")[0] == expected
    found, requests = all_ids(acme, search="even", limit=3)
    assert found == expected and requests in (7, 8)
    assert all_ids(acme, search="even", limit=20) in ((expected, 1), (expected, 2))


def test_what_has_no_content_any_more_is_found_by_its_id_alone(acme):
    acme.enqueue(message("m1", subject="gone"))
    acme.system.rows("DELETE FROM mailproxy.message_body WHERE message_pk IN (SELECT message_pk FROM mailproxy.message"
                     " WHERE tenant_id = %s)", acme.tenant_id)
    assert ids(acme, search="gone") == [] and ids(acme, search="m1") == ["m1"]


def test_a_tenant_finds_its_own_and_the_admin_everybodys(served, acme):
    other = served.add_tenant(acme.tenant_id + "-other")
    assert other.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    word = acme.tenant_id
    for api in (acme, other):
        api.enqueue(message("by-id-" + word), message("x", subject=f"to {word}"))
    for api in (acme, other):
        assert [m["tenant_id"] for m in api.messages(search=word)] == [api.tenant_id]
        assert [m["tenant_id"] for m in api.messages(search="by-id-" + word)] == [api.tenant_id]
    assert {m["tenant_id"] for m in served.api.messages(search="by-id-" + word)} == {acme.tenant_id, other.tenant_id}
    assert {m["tenant_id"] for m in served.api.messages(search=f"to {word}")} == {acme.tenant_id, other.tenant_id}
    assert {m["tenant_id"] for m in served.api.messages(search=f"to {word}", tenant_id=other.tenant_id)} == {other.tenant_id}
    assert acme.get("/messages", search="x", tenant_id=other.tenant_id).status == 401


def test_a_request_looks_at_so_many_messages_and_the_next_one_goes_on(acme):
    """Found or not: the first answer is empty and has a `next`."""
    acme.system.rows(
        "WITH m AS (INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at)"
        "  SELECT %s, 'main', to_char(n, 'FM00000'), '<x@test>', 100, 2, 'sent', now() FROM generate_series(1, %s) n RETURNING *)"
        " INSERT INTO mailproxy.message_body (message_pk, created_at, content) SELECT message_pk, created_at,"
        "  json_build_object('id', message_id, 'subject', CASE WHEN message_id = '25000' THEN 'needle' ELSE 'hay' END) FROM m",
        acme.tenant_id, LOOKED_AT + 6000)
    first = acme.get("/messages", search="needle").json
    assert first["messages"] == [] and "next" in first
    second = acme.get("/messages", search="needle", after=first["next"]).json
    assert [m["id"] for m in second["messages"]] == ["25000"] and "next" not in second
    assert all_ids(acme, search="hay", limit=5000)[0] == [f"{n:05}" for n in range(1, LOOKED_AT + 6001) if n != 25000]


def test_large_messages_are_looked_at_in_smaller_pages_and_all_are_found(acme):
    """By what they say of their size: 16 MiB of them a page, 64 MiB a request."""
    acme.enqueue(*[message(f"m{i:02}", subject="large") for i in range(30)])
    acme.system.rows("UPDATE mailproxy.message SET size_octets = 7 * 1024 * 1024 WHERE tenant_id = %s", acme.tenant_id)
    found, requests = all_ids(acme, search="large")
    assert found == [f"m{i:02}" for i in range(30)]
    assert requests >= 3
