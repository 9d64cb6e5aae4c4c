"""Who may do what: the tokens, and the table of what each of them opens."""

import base64
import hashlib
import re

import pytest
from support import operations
from support.programs import System, epoch, message

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


# The table of who may call what, for every operation that is described.

PUBLIC = {"/health", "/ready", "/metrics", "/openapi.json", "/", "/page/scripts/{script}", "/page/styles/{style}"}
ANY_TOKEN = {"/status", "/whoami"}
TENANT = {"/account", "/accounts", "/account/{account_id}", "/messages", "/commands/add-messages", "/commands/delete-messages",
          "/commands/cleanup-messages", "/commands/run-now", "/commands/suspend", "/commands/activate", "/commands/requeue",
          "/message/{id}", "/queue", "/throughput", "/errors", "/accounts/health"}
TENANT_TOO = {"GET /tenant/{tenant_id}", "PUT /tenant/{tenant_id}"}
# The rest is the admin's.


def row_of(operation):
    if operation.template in PUBLIC:
        return "public"
    if operation.template in ANY_TOKEN:
        return "any token"
    return "tenant" if operation.template in TENANT or str(operation) in TENANT_TOO else "admin"


def operations_of(*rows):
    chosen = [o for o in operations.every() if row_of(o) in rows]
    return pytest.mark.parametrize("operation", chosen, ids=repr)


def ask(api, operation, tenant_id="acme"):
    """The smallest request that is about that tenant and changes as little as can be."""
    about = row_of(operation) == "tenant"
    return api.request(operation.method, operation.path(tenant_id=tenant_id if about else "nobody"),
                       query={"tenant_id": tenant_id} if about else None,
                       body={"messages": [], "ids": []} if operation.needs_body else None)


def is_let_in(answer):
    """Whatever else is said of the request, it is not about the token."""
    return answer.status < 500 and answer.status not in (401, 403)


@operations_of("public")
def test_public_operations_ask_for_no_token_and_mind_none(served, two, operation):
    for token in (None, served.api.token, two[0].token, "unknown"):
        assert ask(served.api.with_token(token), operation).status == 200, token


@operations_of("any token")
def test_operations_for_any_token(served, two, operation):
    assert told(ask(served.api.with_token(None), operation)) == INVALID
    assert told(ask(served.api.with_token("unknown"), operation)) == INVALID
    for token in (served.api.token, two[0].token, two[1].token):
        assert ask(served.api.with_token(token), operation).status == 200


@operations_of("tenant")
def test_tenant_scoped_operations(served, two, operation):
    acme, other = two
    assert told(ask(served.api.with_token(None), operation)) == INVALID
    assert told(ask(served.api.with_token("unknown"), operation)) == INVALID
    assert is_let_in(ask(served.api, operation))
    assert is_let_in(ask(served.api, operation, "other"))
    assert is_let_in(ask(acme, operation))
    if operation.template != "/commands/add-messages":  # where each message is judged by itself
        assert told(ask(other, operation)) == NOT_FOR_THIS_TENANT


@operations_of("admin")
def test_admin_operations(served, two, operation):
    assert told(ask(served.api.with_token(None), operation)) == ADMIN_REQUIRED
    assert told(ask(served.api.with_token("unknown"), operation)) == INVALID
    assert told(ask(two[0], operation)) == NOT_FOR_TENANTS
    assert told(two[0].request(operation.method, operation.path(tenant_id="acme"),
                               body={} if operation.needs_body else None)) == NOT_FOR_TENANTS, "not for its own either"
    assert told(two[0].request(operation.method, operation.path(tenant_id="other"),
                               body={} if operation.needs_body else None)) == NOT_FOR_TENANTS
    assert is_let_in(ask(served.api, operation))


@pytest.fixture(scope="module")
def open_api(cluster, template, tmp_path_factory):
    """A server without an admin token, and the tokens of its tenants acme and other."""
    database = cluster.create_database("open", template)
    system = System(database, tmp_path_factory.mktemp("open"), GMP_API_TOKEN=None)
    system.start_server()
    yield system.api, [system.add_tenant(tenant_id).token for tenant_id in ("acme", "other")]
    system.close()
    cluster.drop_database("open")


@pytest.mark.parametrize("operation", operations.every(), ids=repr)
def test_without_an_admin_token_all_is_allowed_but_unknown_tokens_and_what_is_not_a_tenants(open_api, operation):
    api, (acme, other) = open_api
    row = row_of(operation)
    assert is_let_in(ask(api, operation))
    if row == "public":
        return
    assert told(ask(api.with_token("unknown"), operation)) == INVALID
    if row == "admin":
        assert told(ask(api.with_token(acme), operation)) == NOT_FOR_TENANTS
        return
    assert is_let_in(ask(api.with_token(acme), operation))
    if row == "tenant" and operation.template != "/commands/add-messages":
        assert told(ask(api.with_token(other), operation)) == NOT_FOR_THIS_TENANT


def test_a_tenants_token_is_32_random_octets_of_which_the_sha_256_is_stored(served):
    tokens = [served.api.post("/tenant", {"id": "keys", "client_auth": {"method": "none"}}).json["api_key"]]
    tokens += [served.api.post("/tenant/keys/api-key").json["api_key"] for _ in range(3)]
    assert len(set(tokens)) == 4
    for token in tokens:
        assert len(token) == 43 and len(base64.urlsafe_b64decode(token + "=")) == 32
    stored = bytes(served.value("SELECT api_key_hash FROM mailproxy.tenant WHERE tenant_id = 'keys'"))
    assert stored == hashlib.sha256(tokens[-1].encode()).digest()
    assert [served.api.with_token(t).get("/accounts").status for t in tokens] == [401, 401, 401, 200], "each has one token"


def test_a_tenants_token_is_shown_once(served):
    token = served.api.post("/tenant", {"id": "once"}).json["api_key"]
    for path in ("/tenant/once", "/tenants", "/command-log", "/command-log/export", "/tenants/sync-status"):
        assert token.encode() not in served.api.get(path).body, path
    assert token not in served.server.log()


def test_a_tenants_token_may_end_at_a_time_and_can_be_taken_away(served):
    served.add_tenant("ends")
    lasting = served.api.post("/tenant/ends/api-key", {"expires_at": epoch() + 3600}).json["api_key"]
    assert served.api.with_token(lasting).get("/status").status == 200
    served.rows("UPDATE mailproxy.tenant SET api_key_expires_at = now() - interval '1 second' WHERE tenant_id = 'ends'")
    assert told(served.api.with_token(lasting).get("/status")) == INVALID
    token = served.api.post("/tenant/ends/api-key").json["api_key"]
    assert served.api.with_token(token).get("/status").status == 200
    assert served.api.delete("/tenant/ends/api-key").json == {"ok": True}
    assert told(served.api.with_token(token).get("/status")) == INVALID
    for answer in (served.api.post("/tenant/nobody/api-key"), served.api.delete("/tenant/nobody/api-key")):
        assert told(answer) == (404, {"detail": "Tenant 'nobody' not found"})


def test_a_token_of_a_tenant_that_is_not_active_is_good(served):
    api = served.add_tenant("idle", active=False)
    assert api.get("/accounts").status == 200


@pytest.mark.parametrize("token", ["", " ", "x" * 10000, "ü", "admin-token-of-the-test", "admin-token-of-the-testss"])
def test_a_token_that_is_nearly_right_is_unknown(served, token):
    answer = served.api.request("GET", "/status", headers={"X-API-Token": token.encode("utf-8").decode("latin-1")})
    assert answer.status in (400, 401, 413, 431)
    assert answer.status == 401 or len(token) > 1000


def test_same_ids_in_two_tenants_are_two_messages(served, two):
    acme, other = two
    acme.enqueue(message("same", subject="of acme"))
    other.enqueue(message("same", subject="of other"))
    assert acme.message("same")["message"]["subject"] == "of acme"
    assert other.message("same")["message"]["subject"] == "of other"
    assert acme.post("/commands/delete-messages", {"ids": ["same"]}).json["removed"] == 1
    assert other.message("same") is not None


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


def test_whoami_tells_whose_the_token_is(served, two):
    before = epoch()
    shown = served.api.get("/whoami").json
    assert before - 1 <= shown.pop("now_ts") <= epoch() + 1
    version = shown.pop("version")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert shown == {"ok": True, "admin": True, "active": True, "time_zone": "Europe/Rome"}
    shown = two[0].get("/whoami").json
    assert (shown["admin"], shown["tenant_id"], shown["version"]) == (False, "acme", version)
    served.rows("UPDATE mailproxy.instance SET active = false")
    assert two[0].get("/whoami").json["active"] is False
    served.rows("UPDATE mailproxy.instance SET active = true")


def test_where_no_token_is_asked_for_everybody_is_as_the_admin(open_api):
    api, (acme, _) = open_api
    assert api.with_token(None).get("/whoami").json["admin"] is True
    assert api.with_token(acme).get("/whoami").json["tenant_id"] == "acme"
