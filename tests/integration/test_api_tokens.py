"""Who may do what, and whose tenant a request is about."""

import pytest
from support.programs import System, message

INVALID = (401, {"detail": "Invalid or missing API token"})
NOT_FOR_THIS_TENANT = (401, {"detail": "Token not authorized for this tenant"})
ADMIN_REQUIRED = (401, {"detail": "Admin token required"})
NOT_FOR_TENANTS = (403, {"detail": "Admin token required, tenant tokens not allowed for this operation"})


def told(answer):
    return answer.status, answer.json


@pytest.fixture(scope="module")
def two(served):
    """Tokens of tenants acme and other, both with an account `main`."""
    acme, other = served.add_tenant("acme"), served.add_tenant("other")
    for api in (acme, other):
        assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return acme, other


TENANT_SCOPED = [
    ("GET", "/accounts", None), ("GET", "/messages", None), ("POST", "/commands/delete-messages", {"ids": []}),
    ("POST", "/commands/run-now", None), ("DELETE", "/account/nope", None),
    ("POST", "/account", {"id": "a", "tenant_id": "acme", "host": "h", "port": 25}),
]


@pytest.mark.parametrize("method, path, body", TENANT_SCOPED, ids=[f"{m} {p}" for m, p, _ in TENANT_SCOPED])
def test_tenant_scoped_requests(served, two, method, path, body):
    acme, other = two

    def ask(token):
        return served.api.with_token(token).request(method, path, body=body, query={"tenant_id": "acme"})

    assert told(ask(None)) == INVALID
    assert told(ask("unknown")) == INVALID
    assert told(ask(other.token)) == NOT_FOR_THIS_TENANT
    assert ask(acme.token).status in (200, 400)
    assert ask(served.api.token).status in (200, 400)


def test_admin_requests(served, two):
    acme, _ = two
    body = {"id": "new"}

    def ask(token):
        return served.api.with_token(token).post("/tenant", body)

    assert told(ask(None)) == ADMIN_REQUIRED
    assert told(ask("unknown")) == INVALID
    assert told(ask(acme.token)) == NOT_FOR_TENANTS
    assert ask(served.api.token).status == 200


def test_status_wants_any_token(served, two):
    assert told(served.api.with_token(None).get("/status")) == INVALID
    assert two[0].get("/status").status == 200


@pytest.mark.parametrize("token", ["", " ", "x" * 10000, "ü", "admin-token-of-the-test", "admin-token-of-the-testss"])
def test_a_token_that_is_nearly_right_is_unknown(served, token):
    answer = served.api.request("GET", "/status", headers={"X-API-Token": token.encode("utf-8").decode("latin-1")})
    assert answer.status in (400, 401, 413, 431)
    assert answer.status == 401 or len(token) > 1000


def test_a_message_for_another_tenant_is_rejected_alone(served, two):
    acme, _ = two
    answer = acme.add(message("x1", tenant_id="other"), message("x2", tenant_id="acme"), message("x3"))
    assert told(answer) == (200, {"ok": True, "queued": 2, "rejected": [{"id": "x1", "reason": "tenant mismatch"}]})
    assert served.value("SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'other'") == 0


def test_same_ids_in_two_tenants_are_two_messages(served, two):
    acme, other = two
    acme.enqueue(message("same", subject="of acme"))
    other.enqueue(message("same", subject="of other"))
    assert acme.message("same")["message"]["subject"] == "of acme"
    assert other.message("same")["message"]["subject"] == "of other"
    assert acme.post("/commands/delete-messages", {"ids": ["same"]}).json["removed"] == 1
    assert other.message("same") is not None


def test_a_tenant_token_lists_its_own_and_the_admin_token_everything(served, two):
    acme, other = two
    acme.enqueue(message("mine"))
    other.enqueue(message("theirs"))
    assert {m["tenant_id"] for m in acme.messages()} == {"acme"}
    assert {"acme", "other"} <= {m["tenant_id"] for m in served.api.messages()}
    assert {a["tenant_id"] for a in acme.get("/accounts").json["accounts"]} == {"acme"}


class TestWhoseTenant:
    """Without a tenant named: the token's; else the one that has the account; else `default`."""

    def test_admin_falls_to_the_only_tenant_with_the_account(self, served):
        api = served.add_tenant("shop")
        api.post("/account", {"id": "shop-out", "host": "127.0.0.1", "port": 9})
        served.api.enqueue(message("w1", account="shop-out"))
        assert api.message("w1")["tenant_id"] == "shop"

    def test_admin_with_an_ambiguous_account_falls_to_default(self, served, two):
        answer = served.api.add(message("w2"))  # both acme and other have `main`, default has none
        # A client that names no tenant reads no answer from 400 up, so this one is 200.
        assert told(answer) == (200, {"ok": True, "queued": 0, "rejected": [
            {"id": "w2", "reason": "account not found for tenant"}]})

    def test_a_client_that_knows_no_tenants_works_on_default(self, served):
        api = served.api
        assert api.post("/account", {"id": "seed", "host": "127.0.0.1", "port": 9}).status == 200
        api.enqueue(message("_main_db:m1", account="seed"))
        assert api.message("_main_db:m1")["tenant_id"] == "default"
        assert api.post("/commands/delete-messages", {"ids": ["_main_db:m1"]}).json["removed"] == 1
        assert told(api.delete("/account/seed")) == (200, {"ok": True})
        assert told(api.delete("/account/seed")) == (200, {"ok": True})


def test_without_an_admin_token_everything_is_open_but_unknown_tokens(database, tmp_path):
    system = System(database, tmp_path, GMP_API_TOKEN=None)
    system.start_server()
    try:
        assert system.api.get("/accounts").status == 200
        answer = system.api.post("/tenant", {"id": "acme", "client_auth": {"method": "none"}})
        assert answer.status == 200
        assert len(answer.json["api_key"]) == 43
        assert told(system.api.with_token("unknown").get("/accounts")) == INVALID
        assert system.api.with_token(answer.json["api_key"]).get("/accounts", tenant_id="acme").status == 200
    finally:
        system.close()
