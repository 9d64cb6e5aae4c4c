"""
Whose tenant a request is about: named in the message or body, else in the query, else by the token, else by who has the
account or message, else `default`.
"""

import itertools

import pytest
from support.programs import message

NOT_FOR_THIS_TENANT = (401, {"detail": "Token not authorized for this tenant"})
NOT_FOUND = "account not found for tenant"

_number = itertools.count(1)


def told(answer):
    return answer.status, answer.json


def fresh_id():
    return f"m{next(_number)}"


def account(account_id, **fields):
    return {"id": account_id, "host": "127.0.0.1", "port": 9, **fields}


@pytest.fixture(scope="module")
def tenants(served):
    """Tenants one and two with an account `main` each; `default` has one, too, and `two` one that is its own."""
    one, two = served.add_tenant("one"), served.add_tenant("two")
    for api in (one, two, served.api):
        assert api.post("/account", account("main")).status == 200
    assert two.post("/account", account("only-two")).status == 200
    return one, two


def owners(served, message_id):
    return [row["tenant_id"] for row in served.rows("SELECT tenant_id FROM mailproxy.message WHERE message_id = %s", message_id)]


# add-messages: (in the message, in the body, in the query, by whose token, account) -> whose it is, or the reason

@pytest.mark.parametrize("in_message, in_body, in_query, token, account_id, expected", [
    ("one", "two", "default", "admin", "main", "one"),
    (None, "one", "two", "admin", "main", "one"),
    (None, None, "one", "admin", "main", "one"),
    ("", "", "one", "admin", "main", "one"),
    (None, None, None, "one", "main", "one"),
    (None, "one", "one", "one", "main", "one"),
    ("one", "two", "two", "one", "main", "one"),
    (None, None, None, "admin", "only-two", "two"),
    (None, None, None, "admin", "main", "default"),
    (None, None, None, "admin", "nobodys", NOT_FOUND),
    ("default", None, None, "admin", "main", "default"),
    ("one", None, None, "admin", "only-two", NOT_FOUND),
    (None, None, "one", "admin", "only-two", NOT_FOUND),
    (None, None, None, "one", "only-two", NOT_FOUND),
    ("nobody", None, None, "admin", "main", NOT_FOUND),
    ("two", None, None, "one", "main", "tenant mismatch"),
    (None, "two", None, "one", "main", "tenant mismatch"),
    (None, None, "two", "one", "main", "tenant mismatch"),
    ("two", "one", "one", "one", "main", "tenant mismatch"),
    ("nobody", None, None, "one", "main", "tenant mismatch"),
    (None, 5, "one", "admin", "main", "one"),
    (None, "a\0", "one", "admin", "main", "one"),
])
def test_a_messages_tenant(served, tenants, in_message, in_body, in_query, token, account_id, expected):
    api = served.api if token == "admin" else tenants[0]
    message_id = fresh_id()
    body = {"messages": [message(message_id, account=account_id, tenant_id=in_message)], "tenant_id": in_body}
    answer = api.post("/commands/add-messages", body, **({"tenant_id": in_query} if in_query else {}))
    if expected in ("tenant mismatch", NOT_FOUND):
        assert answer.json["rejected"] == [{"id": message_id, "reason": expected}]
        assert owners(served, message_id) == []
    else:
        assert told(answer) == (200, {"ok": True, "queued": 1, "rejected": []})
        assert owners(served, message_id) == [expected]


def test_a_message_for_another_tenant_is_rejected_alone(served, tenants):
    one, _ = tenants
    answer = one.add(message("x1", tenant_id="two"), message("x2", tenant_id="one"), message("x3"))
    assert told(answer) == (200, {"ok": True, "queued": 2, "rejected": [{"id": "x1", "reason": "tenant mismatch"}]})
    assert (owners(served, "x1"), owners(served, "x2"), owners(served, "x3")) == ([], ["one"], ["one"])


def test_messages_of_one_request_may_be_several_tenants(served, tenants):
    ids = [fresh_id() for _ in range(4)]
    answer = served.api.add(message(ids[0], tenant_id="one"), message(ids[1], tenant_id="two"), message(ids[2], account="only-two"),
                            message(ids[3]))
    assert told(answer) == (200, {"ok": True, "queued": 4, "rejected": []})
    assert [owners(served, i) for i in ids] == [["one"], ["two"], ["two"], ["default"]]


# Accounts.

@pytest.mark.parametrize("in_body, in_query, token, expected", [
    ("one", "two", "admin", "one"), (None, "one", "admin", "one"), (None, None, "one", "one"), ("", "", "one", "one"),
    (None, None, "admin", "default"), ("two", "one", "one", None), (None, "two", "one", None), ("nobody", None, "one", None),
])
def test_a_new_accounts_tenant(served, tenants, in_body, in_query, token, expected):
    api = served.api if token == "admin" else tenants[0]
    account_id = fresh_id()
    answer = api.post("/account", account(account_id, tenant_id=in_body), **({"tenant_id": in_query} if in_query else {}))
    assert told(answer) == (NOT_FOR_THIS_TENANT if expected is None else (200, {"ok": True}))
    rows = served.rows("SELECT tenant_id FROM mailproxy.account WHERE account_id = %s", account_id)
    assert [row["tenant_id"] for row in rows] == ([expected] if expected else [])


def test_an_account_stored_without_naming_a_tenant_replaces_no_other_tenants(served, tenants):
    assert served.api.post("/account", account("only-two", host="127.0.0.2")).status == 200
    hosts = {row["tenant_id"]: row["host"] for row in
             served.rows("SELECT tenant_id, host FROM mailproxy.account WHERE account_id = 'only-two'")}
    assert hosts == {"two": "127.0.0.1", "default": "127.0.0.2"}
    assert served.api.delete("/account/only-two", tenant_id="default").json == {"ok": True}


def test_accounts_are_listed_of_the_tenant_named_else_of_the_tokens_else_of_all(served, tenants):
    one, two = tenants

    def of(api, **query):
        return {a["tenant_id"] for a in api.get("/accounts", **query).json["accounts"]}

    assert of(served.api, tenant_id="one") == {"one"}
    assert of(one) == of(one, tenant_id="one") == {"one"}
    assert of(served.api) >= {"one", "two", "default"}
    assert told(served.api.get("/accounts", tenant_id="nobody")) == (200, {"ok": True, "accounts": []})
    assert told(one.get("/accounts", tenant_id="two")) == NOT_FOR_THIS_TENANT


def test_an_account_deleted_without_a_tenant_is_the_one_tenants_that_has_it_else_that_of_default(served, tenants):
    one, two = tenants
    for api in (one, two, served.api):
        api.post("/account", account("in-all"))
    one.post("/account", account("in-one"))

    def left(account_id):
        rows = served.rows("SELECT tenant_id FROM mailproxy.account WHERE account_id = %s ORDER BY tenant_id", account_id)
        return [row["tenant_id"] for row in rows]

    assert served.api.delete("/account/in-one").json == {"ok": True}
    assert left("in-one") == []
    assert served.api.delete("/account/in-all").json == {"ok": True}
    assert left("in-all") == ["one", "two"]
    assert served.api.delete("/account/in-all").json == {"ok": True}
    assert left("in-all") == ["one", "two"], "two tenants have it and default has not: nobody's goes"
    assert one.delete("/account/in-all").json == {"ok": True}
    assert left("in-all") == ["two"]
    assert told(one.delete("/account/in-all", tenant_id="two")) == NOT_FOR_THIS_TENANT
    assert left("in-all") == ["two"]


# Messages that are there.

def test_messages_are_listed_of_the_tenant_named_else_of_the_tokens_else_of_all(served, tenants):
    one, two = tenants
    for api in (one, two):
        api.enqueue(message(fresh_id()))
    served.api.enqueue(message(fresh_id(), tenant_id="default"))

    def of(api, **query):
        return {m["tenant_id"] for m in api.messages(**query)}

    assert of(served.api, tenant_id="one") == {"one"}
    assert of(one) == of(one, tenant_id="one") == of(one, tenant_id="") == {"one"}
    assert of(served.api) == {"one", "two", "default"}
    assert of(served.api, tenant_id="nobody") == set()
    assert told(one.get("/messages", tenant_id="two")) == NOT_FOR_THIS_TENANT


def test_messages_are_deleted_in_the_tenant_of_the_body_before_that_of_the_query(served, tenants):
    message_id = fresh_id()
    for api in tenants:
        api.enqueue(message(message_id))
    answer = served.api.post("/commands/delete-messages", {"ids": [message_id], "tenant_id": "two"}, tenant_id="one")
    assert answer.json["removed"] == 1
    assert owners(served, message_id) == ["one"]


# The tenant that is always there.

def test_the_tenant_default_is_there_from_the_beginning_is_listed_and_cannot_be_deleted(served):
    assert served.api.get("/tenant/default").json["id"] == "default"
    assert "default" in [t["id"] for t in served.api.get("/tenants").json["tenants"]]
    answer = served.api.delete("/tenant/default")
    assert answer.status == 400 and isinstance(answer.json["detail"], str)
    assert served.api.get("/tenant/default").status == 200


def test_a_client_that_knows_no_tenants_works_on_default(served):
    """As the one of 2025 does, with the admin token alone."""
    api = served.api
    assert api.post("/account", account("seed")).status == 200
    assert "seed" in [a["id"] for a in api.get("/accounts").json["accounts"]]
    api.enqueue(message("_main_db:m1", account="seed"))
    assert owners(served, "_main_db:m1") == ["default"]
    assert api.post("/commands/run-now").json == {"ok": True}
    assert api.post("/commands/delete-messages", {"ids": ["_main_db:m1"]}).json["removed"] == 1
    assert told(api.delete("/account/seed")) == (200, {"ok": True})
    assert told(api.delete("/account/seed")) == (200, {"ok": True})
